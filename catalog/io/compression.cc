#include "catalog/io/compression.h"

#include <cassert>
#include <new>
#include <stdexcept>
#include <zstd.h>

#include <fmt/format.h>

#include "catalog/io/error.h"

namespace pgkeep::io {
namespace {

/// Of level 1, the binary logarithm of how many places are remembered; zstd's own choice is 14. In
/// PostgreSQL's pages and WAL what repeats is near by: fewer places take an eighth less time and find as
/// much.
constexpr int kPlacesOfLevelOne = 12;

std::unique_ptr<ZSTD_CCtx, detail::FreeCompressor> new_compressor(int level) {
  assert(level >= kMinCompressionLevel && level <= kMaxCompressionLevel);
  std::unique_ptr<ZSTD_CCtx, detail::FreeCompressor> context(ZSTD_createCCtx());
  if (!context) throw std::bad_alloc();
  ZSTD_CCtx_setParameter(context.get(), ZSTD_c_compressionLevel, level);
  if (level == 1) ZSTD_CCtx_setParameter(context.get(), ZSTD_c_hashLog, kPlacesOfLevelOne);
  return context;
}

std::unique_ptr<ZSTD_DCtx, detail::FreeDecompressor> new_decompressor() {
  std::unique_ptr<ZSTD_DCtx, detail::FreeDecompressor> context(ZSTD_createDCtx());
  if (!context) throw std::bad_alloc();
  return context;
}

/// zstd fails at compressing only for want of memory or by a mistake of ours.
std::size_t compressed(std::size_t result) {
  if (ZSTD_isError(result)) throw Error(fmt::format("cannot compress: {}", ZSTD_getErrorName(result)));
  return result;
}

std::size_t decompressed(std::size_t result) {
  if (ZSTD_isError(result)) {
    throw Corruption(fmt::format("compressed data are damaged: {}", ZSTD_getErrorName(result)));
  }
  return result;
}

}  // namespace

void detail::FreeCompressor::operator()(ZSTD_CCtx_s* context) const noexcept {
  ZSTD_freeCCtx(context);
}
void detail::FreeDecompressor::operator()(ZSTD_DCtx_s* context) const noexcept {
  ZSTD_freeDCtx(context);
}

Compressor::Compressor(int level) : context_(new_compressor(level)) {}

std::size_t Compressor::bound(std::size_t size) noexcept {
  return ZSTD_compressBound(size);
}

std::size_t Compressor::compress(ByteView in, ByteSpan into) {
  return compressed(ZSTD_compress2(context_.get(), into.data(), into.size(), in.data(), in.size()));
}

Decompressor::Decompressor() : context_(new_decompressor()) {}

void Decompressor::decompress(ByteView frame, ByteSpan into) {
  if (frame.size() < sizeof(std::uint32_t) || load_le<std::uint32_t>(frame.data()) != ZSTD_MAGICNUMBER) {
    throw Corruption("compressed data do not begin with a zstd frame");
  }
  const auto declared = ZSTD_getFrameContentSize(frame.data(), frame.size());
  if (declared != into.size()) {  // unknown sizes and errors are numbers that no buffer has
    throw Corruption(
        fmt::format("compressed data do not declare the {} bytes that they should hold", into.size()));
  }
  if (decompressed(ZSTD_findFrameCompressedSize(frame.data(), frame.size())) != frame.size()) {
    throw Corruption("compressed data continue after the end of their frame");
  }
  const auto size =
      decompressed(ZSTD_decompressDCtx(context_.get(), into.data(), into.size(), frame.data(), frame.size()));
  if (size != into.size()) {
    throw Corruption(fmt::format("compressed data hold {} bytes where {} are expected", size, into.size()));
  }
}

CompressingSink::CompressingSink(ByteSink& out, int level)
    : out_(&out), context_(new_compressor(level)), buffer_(ZSTD_CStreamOutSize()) {
  ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_checksumFlag, 1);
}

void CompressingSink::write(ByteView bytes) {
  run(bytes, false);
}

void CompressingSink::finish() {
  run({}, true);
  out_ = nullptr;
}

void CompressingSink::run(ByteView bytes, bool end) {
  if (out_ == nullptr) throw std::logic_error("CompressingSink: used after finish()");
  ZSTD_inBuffer in{bytes.data(), bytes.size(), 0};
  bool more = true;
  while (more) {
    ZSTD_outBuffer out{buffer_.data(), buffer_.size(), 0};
    const auto left =
        compressed(ZSTD_compressStream2(context_.get(), &out, &in, end ? ZSTD_e_end : ZSTD_e_continue));
    if (out.pos > 0) out_->write(ByteView(buffer_).first(out.pos));
    more = end ? left != 0 : in.pos < in.size;
  }
}

DecompressingSource::DecompressingSource(ByteSource& in)
    : in_(&in), context_(new_decompressor()), buffer_(ZSTD_DStreamInSize()) {}

std::size_t DecompressingSource::read(ByteSpan into) {
  if (into.empty()) return 0;
  ZSTD_outBuffer out{into.data(), into.size(), 0};
  while (out.pos == 0) {
    if (left_.empty()) left_ = ByteView(buffer_).first(in_->read(buffer_));
    const bool at_end = left_.empty();
    if (at_end && !mid_frame_) {
      if (!frame_seen_) throw Corruption("compressed data are missing: there is no zstd frame");
      return 0;
    }
    decode(out);  // at the end: what zstd still holds because earlier buffers were full
    if (at_end && out.pos == 0) throw Corruption("compressed data end in the middle of a frame");
  }
  return out.pos;
}

void DecompressingSource::decode(ZSTD_outBuffer_s& out) {
  // The magic number goes in by itself, so that a frame can be told from a skippable one.
  const auto missing = sizeof(std::uint32_t) - magic_size_;
  const auto offered = missing > 0 ? left_.first(std::min(left_.size(), missing)) : left_;
  ZSTD_inBuffer in{offered.data(), offered.size(), 0};
  const auto wanted = decompressed(ZSTD_decompressStream(context_.get(), &out, &in));
  if (missing > 0) {
    std::copy_n(offered.begin(), in.pos, magic_.begin() + static_cast<std::ptrdiff_t>(magic_size_));
    magic_size_ += in.pos;
  }
  left_ = left_.subspan(in.pos);
  mid_frame_ = wanted != 0;
  if (mid_frame_) return;
  frame_seen_ = frame_seen_ || load_le<std::uint32_t>(magic_.data()) == ZSTD_MAGICNUMBER;
  magic_size_ = 0;
}

}  // namespace pgkeep::io
