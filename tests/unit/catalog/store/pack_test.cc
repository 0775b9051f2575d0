#include "catalog/store/pack.h"

#include "catalog/io/error.h"
#include "tests/unit/catalog/store/store_fixture.h"

namespace pgkeep::store {
namespace {

class PackTest : public StoreTest {
 protected:
  static ObjectEntry entry_for(io::ByteView frame) {
    ObjectEntry entry;
    entry.length = static_cast<std::uint32_t>(frame.size());
    entry.codec = Codec::raw;
    entry.frame_crc = io::crc32c(frame);
    return entry;
  }
};

TEST_F(PackTest, IsNotThereBeforeItIsFinished) {
  const auto path = layout_.pack({3, PackKind::full});
  PackWriter writer(repository_, layout_, {3, PackKind::full}, next_id_);
  const auto frame = noise(100, 1);
  EXPECT_EQ(writer.add(entry_for(frame), frame, std::array<std::uint64_t, 1>{5}), 0u);
  EXPECT_FALSE(std::filesystem::exists(path));
  writer.finish();
  const PackReader reader(repository_, layout_, {3, PackKind::full});
  EXPECT_EQ(reader.objects(), 1u);
  EXPECT_EQ(reader.digests(reader.entry(0))[0], 5u);
  io::ByteVector back(100);
  reader.read_frame(0, back);
  EXPECT_EQ(back, frame);
  EXPECT_EQ(writer.bytes(), std::filesystem::file_size(path));
}

TEST_F(PackTest, UnderAnotherNameOrInAnotherRepositoryItIsRefused) {
  const PackName own{3, PackKind::full, 2};
  PackWriter(repository_, layout_, own, next_id_).finish();
  EXPECT_NO_THROW(PackReader(repository_, layout_, own));
  const test::TempDirectory elsewhere;
  EXPECT_THROW(PackReader(Repository::open_or_create(elsewhere / "r"), layout_, own), Corruption);
  for (const PackName other :
       {PackName{4, PackKind::full, 2}, PackName{3, PackKind::meta, 2}, PackName{3, PackKind::full, 3}}) {
    std::filesystem::copy_file(layout_.pack(own), layout_.pack(other));
    EXPECT_THROW(PackReader(repository_, layout_, other), Corruption) << to_string(other);
  }
}

TEST_F(PackTest, ASetReadsTheLastGenerationAlsoOneThatCameLater) {
  const auto write = [this](std::uint32_t generation) {
    PackWriter writer(repository_, layout_, {1, PackKind::full, generation}, next_id_);
    const auto frame = noise(10, generation);
    writer.add(entry_for(frame), frame, std::array<std::uint64_t, 1>{generation});
    writer.finish();
  };
  const auto generation = [](PackSet& packs) {
    const auto pack = packs.open(1);
    return pack->digests(pack->entry(0))[0];
  };
  write(1);
  write(2);
  PackSet early(repository_, layout_);
  EXPECT_EQ(generation(early), 2u);
  PackSet late(repository_, layout_);
  late.open(1);
  write(10);
  std::filesystem::remove(layout_.pack({1, PackKind::full, 1}));
  std::filesystem::remove(layout_.pack({1, PackKind::full, 2}));
  EXPECT_EQ(generation(early), 2u);  // it is open
  PackSet fresh(repository_, layout_);
  EXPECT_EQ(generation(fresh), 10u);
}

TEST_F(PackTest, ASetThatWasListedBeforeFindsTheNextGeneration) {
  PackSet packs(repository_, layout_, 1);  // keeps one pack open
  for (const std::uint32_t number : {1u, 2u})
    PackWriter(repository_, layout_, {number, PackKind::full}, next_id_).finish();
  packs.open(1);
  packs.open(2);
  PackWriter(repository_, layout_, {1, PackKind::full, 2}, next_id_).finish();
  std::filesystem::remove(layout_.pack({1, PackKind::full}));
  EXPECT_EQ(packs.open(1)->path(), layout_.pack({1, PackKind::full, 2}));
}

TEST_F(PackTest, AnObjectThatIsNotThereIsCorruption) {
  PackWriter writer(repository_, layout_, {1, PackKind::full}, next_id_);
  writer.finish();
  const PackReader reader(repository_, layout_, {1, PackKind::full});
  EXPECT_THROW(reader.entry(0), Corruption);
}

TEST_F(PackTest, ASetBeyondItsBudgetStillReadsEveryPack) {
  for (std::uint32_t number = 1; number <= 5; ++number) {
    PackWriter writer(repository_, layout_, {number, PackKind::full}, next_id_);
    const auto frame = noise(10, number);
    writer.add(entry_for(frame), frame, std::array<std::uint64_t, 1>{number});
    writer.finish();
  }
  PackSet packs(repository_, layout_, 1);
  for (int round = 0; round < 2; ++round) {
    for (std::uint32_t number = 1; number <= 5; ++number) {
      const auto pack = packs.open(number);
      EXPECT_EQ(pack->digests(pack->entry(0))[0], number);
    }
  }
  EXPECT_THROW(packs.open(6), Corruption);
}

TEST_F(PackTest, ASetKeepsFewerFilesOpenThanAProcessMay) {
  constexpr std::uint32_t kPacks = 300;
  for (std::uint32_t number = 1; number <= kPacks; ++number) {
    PackWriter(repository_, layout_, {number, PackKind::full}, next_id_).finish();
  }
  PackSet packs(repository_, layout_);
  for (std::uint32_t number = 1; number <= kPacks; ++number) packs.open(number);
  const std::filesystem::directory_iterator descriptors("/proc/self/fd");
  EXPECT_LT(std::distance(begin(descriptors), end(descriptors)), 280);
}

}  // namespace
}  // namespace pgkeep::store
