#include "catalog/io/hashing.h"

#include <algorithm>
#include <climits>

#include <fmt/format.h>
#include <highwayhash/c_bindings.h>
#include <isa-l/crc.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include "catalog/io/error.h"

namespace pgkeep::io {
namespace {

// A CRC is a polynomial over GF(2) modulo P, held with its bits reversed: bit 31 is the coefficient of x^0.
constexpr std::uint32_t kPolynomial = 0x82f63b78;
constexpr std::uint32_t kOne = 0x80000000;
constexpr std::uint32_t kXTo8 = kOne >> 8;

constexpr std::uint32_t times_x(std::uint32_t a) {
  return (a >> 1) ^ ((a & 1) != 0 ? kPolynomial : 0);
}

constexpr std::uint32_t multiply(std::uint32_t a, std::uint32_t b) {
  std::uint32_t product = 0;
  for (; a != 0; a <<= 1, b = times_x(b)) {
    if ((a & kOne) != 0) product ^= b;
  }
  return product;
}

/// What a CRC is multiplied by when `bytes` zero bytes follow: x^(8 * bytes), by squaring.
constexpr std::uint32_t zero_bytes_factor(std::uint64_t bytes) {
  std::uint32_t factor = kOne;
  for (std::uint32_t square = kXTo8; bytes != 0; bytes >>= 1, square = multiply(square, square)) {
    if ((bytes & 1) != 0) factor = multiply(factor, square);
  }
  return factor;
}

/// OpenSSL fails here only when it is broken or out of memory.
void require(int result, const char* what) {
  if (result != 1) throw Error(fmt::format("OpenSSL cannot {}", what));
}

std::uint64_t highway_hash(ByteView bytes, const DigestKey& key) {
  highwayhash::HHKey numbers;
  for (std::size_t i = 0; i < std::size(numbers); ++i) numbers[i] = load_le<std::uint64_t>(&key[8 * i]);
  return HighwayHash64(numbers, reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

/// The library has code for each kind of processor, and Debian 12 built that for those without SSE 4.1 so
/// that it is wrong for lengths over 32 that 32 does not divide. Its digests would differ from those of all
/// other hosts, and every short page would look damaged. So two published vectors are computed first.
bool prove_highway_hash() {
  DigestKey key;
  ByteVector ascending(63);
  for (std::size_t i = 0; i < key.size(); ++i) key[i] = static_cast<std::byte>(i);
  for (std::size_t i = 0; i < ascending.size(); ++i) ascending[i] = static_cast<std::byte>(i);
  if (highway_hash(ByteView(ascending).first(33), key) != 0x2c90f73ca03181fc ||
      highway_hash(ascending, key) != 0xab8eebe9bf2139a0) {
    throw Error(
        "libhighwayhash computes wrong digests on this processor, so no backup can be read or taken here; "
        "use a host whose processor has SSE 4.1, or a corrected build of the library");
  }
  return true;
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

std::uint32_t crc32c(ByteView bytes, std::uint32_t crc) {
  crc = ~crc;
  while (!bytes.empty()) {
    const auto piece = bytes.first(std::min<std::size_t>(bytes.size(), INT_MAX));
    // It only reads, but its declaration does not say so.
    auto* at = const_cast<unsigned char*>(reinterpret_cast<const unsigned char*>(piece.data()));
    crc = crc32_iscsi(at, static_cast<int>(piece.size()), crc);
    bytes = bytes.subspan(piece.size());
  }
  return ~crc;
}

std::uint32_t crc32c_combine(std::uint32_t a, std::uint32_t b, std::uint64_t b_length) {
  // Start value and final XOR of the two cancel out, so this is A times x^(8 * b_length), plus B.
  return multiply(zero_bytes_factor(b_length), a) ^ b;
}

void Sha256::Free::operator()(evp_md_ctx_st* context) const noexcept {
  EVP_MD_CTX_free(context);
}

Sha256::Sha256() : context_(EVP_MD_CTX_new()) {
  if (!context_) throw std::bad_alloc();
  require(EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr), "begin a SHA-256 digest");
}

void Sha256::update(ByteView bytes) {
  require(EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()), "compute a SHA-256 digest");
}

Sha256::Digest Sha256::finish() {
  Digest digest{};
  require(EVP_DigestFinal_ex(context_.get(), reinterpret_cast<unsigned char*>(digest.data()), nullptr),
          "end a SHA-256 digest");
  return digest;
}

std::string sha256_hex(ByteSource& source) {
  return HashingSource(source).finish();
}

std::size_t HashingSource::read(ByteSpan into) {
  const auto bytes = source_->read(into);
  sha_.update(into.first(bytes));
  return bytes;
}

std::string HashingSource::finish() {
  ByteVector buffer(std::size_t{1} << 20);
  while (read(buffer) != 0) {
  }
  return to_hex(sha_.finish());
}

std::uint64_t page_digest(ByteView page, const DigestKey& key) {
  [[maybe_unused]] static const bool is_proved = prove_highway_hash();
  return highway_hash(page, key);
}

void random_bytes(ByteSpan into) {
  while (!into.empty()) {
    const auto piece = into.first(std::min<std::size_t>(into.size(), INT_MAX));
    require(RAND_bytes(reinterpret_cast<unsigned char*>(piece.data()), static_cast<int>(piece.size())),
            "give random bytes");
    into = into.subspan(piece.size());
  }
}

std::string to_hex(ByteView bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  text.reserve(2 * bytes.size());
  for (const auto byte : bytes) {
    const auto value = static_cast<std::uint8_t>(byte);
    text += kDigits[value >> 4];
    text += kDigits[value & 0xf];
  }
  return text;
}

void from_hex(std::string_view text, ByteSpan into) {
  if (text.size() != 2 * into.size()) {
    throw Corruption(
        fmt::format("{} characters where {} hexadecimal digits are expected", text.size(), 2 * into.size()));
  }
  for (std::size_t i = 0; i < into.size(); ++i) {
    const int high = hex_digit(text[2 * i]);
    const int low = hex_digit(text[2 * i + 1]);
    if (high < 0 || low < 0) throw Corruption(fmt::format("not hexadecimal at character {}", 2 * i + 1));
    into[i] = static_cast<std::byte>(high * 16 + low);
  }
}

}  // namespace pgkeep::io
