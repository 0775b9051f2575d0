#include "catalog/io/compression.h"

#include <algorithm>
#include <random>
#include <stdexcept>

#include <gtest/gtest.h>

#include "catalog/io/error.h"

namespace pgkeep::io {
namespace {

/// Compressible, but not to nothing.
ByteVector some_bytes(std::size_t size) {
  std::mt19937 random(1);
  ByteVector bytes(size);
  for (auto& byte : bytes) byte = static_cast<std::byte>(random() % 16);
  return bytes;
}

ByteVector frame_of(ByteView content, int level = 3) {
  ByteVector frame(Compressor::bound(content.size()));
  frame.resize(Compressor(level).compress(content, frame));
  return frame;
}

ByteVector unpacked(ByteView frame, std::size_t size) {
  ByteVector content(size);
  Decompressor().decompress(frame, content);
  return content;
}

ByteVector stream_of(ByteView content, std::size_t piece = 1'000'000) {
  MemorySink sink;
  CompressingSink compressing(sink, 3);
  for (; content.size() > piece; content = content.subspan(piece)) compressing.write(content.first(piece));
  compressing.write(content);
  compressing.finish();
  return sink.bytes();
}

/// Gives `piece` bytes at a time, as a slow pipe would.
class DrippingSource final : public ByteSource {
 public:
  DrippingSource(ByteView bytes, std::size_t piece) : memory_(bytes), piece_(piece) {}
  std::size_t read(ByteSpan into) override { return memory_.read(into.first(std::min(into.size(), piece_))); }

 private:
  MemorySource memory_;
  std::size_t piece_;
};

ByteVector read_all(ByteSource& in, std::size_t piece = 1'000) {
  DecompressingSource source(in);
  MemorySink sink;
  ByteVector buffer(piece);
  while (const auto n = source.read(buffer)) sink.write(ByteView(buffer).first(n));
  return sink.bytes();
}

ByteVector read_all(ByteView stream) {
  MemorySource memory(stream);
  return read_all(memory);
}

ByteVector joined(ByteView a, ByteView b) {
  ByteVector all(a.begin(), a.end());
  all.insert(all.end(), b.begin(), b.end());
  return all;
}

ByteVector skippable_frame(std::string_view content) {
  ByteVector frame(8);
  store_le<std::uint32_t>(frame.data(), 0x184D2A50);
  store_le(frame.data() + 4, static_cast<std::uint32_t>(content.size()));
  return joined(frame, as_bytes(content));
}

TEST(CompressorTest, RoundTripsAtEveryLevel) {
  const auto content = some_bytes(20'000);
  for (int level = kMinCompressionLevel; level <= kMaxCompressionLevel; level += 3) {
    const auto frame = frame_of(content, level);
    EXPECT_LT(frame.size(), content.size());
    EXPECT_EQ(unpacked(frame, content.size()), content);
  }
}

TEST(CompressorTest, RoundTripsNothing) {
  EXPECT_TRUE(unpacked(frame_of({}), 0).empty());
}

TEST(CompressorTest, IsGoodForManyFrames) {
  Compressor compressor(3);
  Decompressor decompressor;
  for (std::size_t size = 0; size < 5'000; size += 501) {
    const auto content = some_bytes(size);
    ByteVector frame(Compressor::bound(size));
    frame.resize(compressor.compress(content, frame));
    ByteVector back(size);
    decompressor.decompress(frame, back);
    ASSERT_EQ(back, content);
  }
}

TEST(DecompressorTest, RefusesAFrameOfAnotherSizeBeforeDecodingIt) {
  const auto frame = frame_of(some_bytes(1'000));
  for (const std::size_t wanted : {0, 999, 1'001})
    EXPECT_THROW(unpacked(frame, wanted), Corruption) << wanted;
}

TEST(DecompressorTest, RefusesAFrameThatDoesNotDeclareItsSize) {
  const auto content = some_bytes(1'000);
  EXPECT_THROW(unpacked(stream_of(content), content.size()), Corruption);
}

TEST(DecompressorTest, RefusesAFrameCutAtAnyByte) {
  const auto content = some_bytes(300);
  const auto frame = frame_of(content);
  for (std::size_t size = 0; size < frame.size(); ++size) {
    ASSERT_THROW(unpacked(ByteView(frame).first(size), content.size()), Corruption) << size;
  }
}

TEST(DecompressorTest, RefusesAnythingAfterTheFrame) {
  const auto content = some_bytes(300);
  const auto frame = frame_of(content);
  EXPECT_THROW(unpacked(joined(frame, as_bytes("x")), content.size()), Corruption);
  EXPECT_THROW(unpacked(joined(frame, frame_of({})), content.size()), Corruption);
  EXPECT_THROW(unpacked(joined(frame, skippable_frame("x")), content.size()), Corruption);
}

TEST(DecompressorTest, RefusesASkippableFrameInPlaceOfNothing) {
  EXPECT_THROW(unpacked(skippable_frame("x"), 0), Corruption);
}

TEST(DecompressorTest, WorksAgainAfterABadFrame) {
  const auto content = some_bytes(300);
  auto frame = frame_of(content);
  Decompressor decompressor;
  ByteVector back(content.size());
  EXPECT_THROW(decompressor.decompress(ByteView(frame).first(20), back), Corruption);
  decompressor.decompress(frame, back);
  EXPECT_EQ(back, content);
}

TEST(CompressingStreamTest, RoundTripsInPiecesOfAnySize) {
  const auto content = some_bytes(400'000);
  for (const std::size_t piece : {1'000, 131'072, 1'000'000}) {
    EXPECT_EQ(read_all(stream_of(content, piece)), content) << piece;
  }
}

TEST(CompressingStreamTest, RoundTripsNothing) {
  EXPECT_TRUE(read_all(stream_of({})).empty());
}

TEST(CompressingStreamTest, DoesNotDecodeWithoutFinish) {
  MemorySink sink;
  CompressingSink compressing(sink, 3);
  compressing.write(some_bytes(400'000));
  EXPECT_THROW(read_all(sink.bytes()), Corruption);
}

TEST(CompressingStreamTest, TakesNothingAfterFinish) {
  MemorySink sink;
  CompressingSink compressing(sink, 3);
  compressing.finish();
  EXPECT_THROW(compressing.write(as_bytes("x")), std::logic_error);
  EXPECT_THROW(compressing.finish(), std::logic_error);
}

TEST(DecompressingSourceTest, ReadsInputThatComesOneByteAtATime) {
  const auto content = some_bytes(3'000);
  const auto stream = joined(skippable_frame("about"), stream_of(content));
  DrippingSource dripping(stream, 1);
  EXPECT_EQ(read_all(dripping), content);
}

TEST(DecompressingSourceTest, ReadsIntoASmallBufferWhatOneInputHolds) {
  const ByteVector content(500'000, std::byte{7});  // some dozens of bytes in, half a megabyte out
  const auto stream = stream_of(content);
  MemorySource memory(stream);
  EXPECT_EQ(read_all(memory, 13), content);
}

TEST(DecompressingSourceTest, PassesOverSkippableFrames) {
  const auto content = some_bytes(1'000);
  const auto stream = joined(skippable_frame("before"), joined(stream_of(content), skippable_frame("")));
  EXPECT_EQ(read_all(stream), content);
}

TEST(DecompressingSourceTest, RefusesAStreamCutAtAnyByte) {
  const auto stream = joined(skippable_frame("about"), stream_of(some_bytes(300)));
  for (std::size_t size = 0; size < stream.size(); ++size) {
    ASSERT_THROW(read_all(ByteView(stream).first(size)), Corruption) << size;
  }
}

TEST(DecompressingSourceTest, NeverGivesOtherContentWhenABitFlips) {
  const auto content = some_bytes(300);
  auto stream = stream_of(content);
  int refused = 0;
  for (std::size_t bit = 0; bit < 8 * stream.size(); ++bit) {
    stream[bit / 8] ^= std::byte{1} << (bit % 8);
    try {
      ASSERT_EQ(read_all(stream), content) << bit;  // one or two bits of the header mean nothing
    } catch (const Corruption&) {
      ++refused;
    }
    stream[bit / 8] ^= std::byte{1} << (bit % 8);
  }
  EXPECT_GT(refused, static_cast<int>(8 * stream.size()) - 16);
}

TEST(DecompressingSourceTest, RefusesWhatFollowsTheFrameAndIsNone) {
  EXPECT_THROW(read_all(joined(stream_of(some_bytes(300)), as_bytes("rubbish"))), Corruption);
}

}  // namespace
}  // namespace pgkeep::io
