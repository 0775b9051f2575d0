#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>

#include "catalog/io/bytes.h"

struct evp_md_ctx_st;

namespace pgkeep::io {

/// CRC-32C (Castagnoli), as PostgreSQL uses it: start value and final XOR ffffffff. `crc` is the result so
/// far (0 for none), so that pieces can be fed one after the other.
std::uint32_t crc32c(ByteView bytes, std::uint32_t crc = 0);
/// The CRC of A followed by B, from the CRC of each and B's length in bytes.
std::uint32_t crc32c_combine(std::uint32_t a, std::uint32_t b, std::uint64_t b_length);

/// SHA-256 (FIPS 180-4), fed in order.
class Sha256 {
 public:
  using Digest = std::array<std::byte, 32>;
  Sha256();
  void update(ByteView bytes);
  /// Once; nothing may be fed after it.
  Digest finish();

 private:
  struct Free {
    void operator()(evp_md_ctx_st* context) const noexcept;
  };
  std::unique_ptr<evp_md_ctx_st, Free> context_;
};

/// SHA-256 of all that the source still brings, in hexadecimal.
std::string sha256_hex(ByteSource& source);

/// Passes a source on, and digests it on the way. Borrows it.
class HashingSource final : public ByteSource {
 public:
  explicit HashingSource(ByteSource& source) : source_(&source) {}
  std::size_t read(ByteSpan into) override;
  /// Once: SHA-256 of the whole, in hexadecimal. Reads what nobody has read.
  std::string finish();

 private:
  ByteSource* source_;
  Sha256 sha_;
};

/// The secret of a repository with which page digests are made: one who writes pages without it can only try
/// blindly, and such a try succeeds once in 2^64 pages.
using DigestKey = std::array<std::byte, 32>;

/// HighwayHash-64, a pseudo-random function. Its key is four numbers of 8 bytes, little-endian. Thread-safe.
/// Throws Error where the library is wrong on this processor.
std::uint64_t page_digest(ByteView page, const DigestKey& key);

/// Fills with random bytes from OpenSSL's generator.
void random_bytes(ByteSpan into);

std::string to_hex(ByteView bytes);
/// Throws Corruption when it is not hexadecimal or not `into.size()` bytes long.
void from_hex(std::string_view text, ByteSpan into);

}  // namespace pgkeep::io
