#pragma once

#include <array>
#include <cstdint>
#include <memory>

#include "catalog/io/bytes.h"

struct ZSTD_CCtx_s;
struct ZSTD_DCtx_s;
struct ZSTD_outBuffer_s;

namespace pgkeep::io {

namespace detail {
struct FreeCompressor {
  void operator()(ZSTD_CCtx_s* context) const noexcept;
};
struct FreeDecompressor {
  void operator()(ZSTD_DCtx_s* context) const noexcept;
};
}  // namespace detail

inline constexpr int kMinCompressionLevel = 1;
inline constexpr int kMaxCompressionLevel = 19;

/// Compresses pieces into zstd frames of their own (RFC 8878). One thread each.
class Compressor {
 public:
  explicit Compressor(int level);
  /// The largest frame that `size` bytes can become.
  static std::size_t bound(std::size_t size) noexcept;
  /// Bytes of the frame written to `into`, which must hold bound(in.size()).
  std::size_t compress(ByteView in, ByteSpan into);

 private:
  std::unique_ptr<ZSTD_CCtx_s, detail::FreeCompressor> context_;
};

class Decompressor {
 public:
  Decompressor();
  /// Throws Corruption unless the frame holds exactly into.size() bytes.
  void decompress(ByteView frame, ByteSpan into);

 private:
  std::unique_ptr<ZSTD_DCtx_s, detail::FreeDecompressor> context_;
};

/// Writes one zstd frame with content checksum, for streams of any length. finish() ends the frame; without
/// it the output does not decode.
class CompressingSink final : public ByteSink {
 public:
  CompressingSink(ByteSink& out, int level);  // borrows out
  void write(ByteView bytes) override;
  void finish();

 private:
  void run(ByteView bytes, bool end);
  ByteSink* out_;
  std::unique_ptr<ZSTD_CCtx_s, detail::FreeCompressor> context_;
  ByteVector buffer_;
};

/// Reads what CompressingSink wrote (skippable frames are passed over). Throws Corruption on a bad or cut
/// frame, and when there is none at all.
class DecompressingSource final : public ByteSource {
 public:
  explicit DecompressingSource(ByteSource& in);  // borrows in
  std::size_t read(ByteSpan into) override;

 private:
  void decode(ZSTD_outBuffer_s& out);
  ByteSource* in_;
  std::unique_ptr<ZSTD_DCtx_s, detail::FreeDecompressor> context_;
  ByteVector buffer_;
  ByteView left_;
  bool mid_frame_ = false;
  bool frame_seen_ = false;           // one that is not skippable
  std::array<std::byte, 4> magic_{};  // how the frame in hand begins,
  std::size_t magic_size_ = 0;        // as far as it was read
};

}  // namespace pgkeep::io
