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
  const auto path = layout_.pack(3, PackKind::full);
  PackWriter writer(repository_, layout_, 3, PackKind::full, next_id_);
  const auto frame = noise(100, 1);
  EXPECT_EQ(writer.add(entry_for(frame), frame, std::array<std::uint64_t, 1>{5}), 0u);
  EXPECT_FALSE(std::filesystem::exists(path));
  writer.finish();
  const PackReader reader(repository_, path, 3);
  EXPECT_EQ(reader.objects(), 1u);
  EXPECT_EQ(reader.digests(reader.entry(0))[0], 5u);
  io::ByteVector back(100);
  reader.read_frame(0, back);
  EXPECT_EQ(back, frame);
  EXPECT_EQ(writer.bytes(), std::filesystem::file_size(path));
}

TEST_F(PackTest, UnderAnotherNumberOrRepositoryItIsRefused) {
  PackWriter writer(repository_, layout_, 3, PackKind::full, next_id_);
  writer.finish();
  const auto path = layout_.pack(3, PackKind::full);
  EXPECT_THROW(PackReader(repository_, path, 4), Corruption);
  const test::TempDirectory elsewhere;
  EXPECT_THROW(PackReader(Repository::open_or_create(elsewhere / "r"), path, 3), Corruption);
}

TEST_F(PackTest, AnObjectThatIsNotThereIsCorruption) {
  PackWriter writer(repository_, layout_, 1, PackKind::full, next_id_);
  writer.finish();
  const PackReader reader(repository_, layout_.pack(1, PackKind::full), 1);
  EXPECT_THROW(reader.entry(0), Corruption);
}

TEST_F(PackTest, ASetBeyondItsBudgetStillReadsEveryPack) {
  for (std::uint32_t number = 1; number <= 5; ++number) {
    PackWriter writer(repository_, layout_, number, PackKind::full, next_id_);
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
    PackWriter(repository_, layout_, number, PackKind::full, next_id_).finish();
  }
  PackSet packs(repository_, layout_);
  for (std::uint32_t number = 1; number <= kPacks; ++number) packs.open(number);
  const std::filesystem::directory_iterator descriptors("/proc/self/fd");
  EXPECT_LT(std::distance(begin(descriptors), end(descriptors)), 280);
}

}  // namespace
}  // namespace pgkeep::store
