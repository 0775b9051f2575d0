#include "catalog/io/hashing.h"

#include <xxhash.h>

#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#if defined(__x86_64__)
#include <nmmintrin.h>
#endif

#include <algorithm>
#include <climits>

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

template <std::size_t Rows>
using Table = std::array<std::array<std::uint32_t, 256>, Rows>;

/// Row k: what a byte that lies k bytes before the end of an eight-byte word adds to the CRC after it.
constexpr Table<8> make_word_table() {
  Table<8> table{};
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    std::uint32_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) crc = times_x(crc);
    for (auto& row : table) {
      row[byte] = crc;
      for (int bit = 0; bit < 8; ++bit) crc = times_x(crc);
    }
  }
  return table;
}

constexpr auto kWordTable = make_word_table();

std::uint32_t next_byte(std::uint32_t crc, std::byte byte) {
  return (crc >> 8) ^ kWordTable[0][(crc ^ static_cast<std::uint8_t>(byte)) & 0xff];
}

#if defined(__x86_64__)

/// Multiplies by zero_bytes_factor of a fixed length, a byte of the CRC at a time.
constexpr Table<4> make_shift_table(std::uint64_t bytes) {
  const auto factor = zero_bytes_factor(bytes);
  Table<4> table{};
  for (std::uint32_t row = 0; row < 4; ++row) {
    for (std::uint32_t byte = 0; byte < 256; ++byte) {
      table[row][byte] = multiply(byte << (8 * row), factor);
    }
  }
  return table;
}

std::uint32_t shift(const Table<4>& table, std::uint64_t crc) {
  return table[0][crc & 0xff] ^ table[1][(crc >> 8) & 0xff] ^ table[2][(crc >> 16) & 0xff] ^
         table[3][(crc >> 24) & 0xff];
}

std::uint64_t load_word(const std::byte* at) {
  std::uint64_t word = 0;
  std::memcpy(&word, at, sizeof word);
  return word;
}

/// Three stretches of `Stretch` bytes side by side: the instruction takes three cycles but can start every
/// cycle.
template <std::size_t Stretch>
__attribute__((target("sse4.2"))) std::uint64_t crc_three_stretches(std::uint64_t crc, const std::byte* at) {
  static constexpr auto kShift = make_shift_table(Stretch);
  std::uint64_t second = 0;
  std::uint64_t third = 0;
  for (const auto* end = at + Stretch; at != end; at += sizeof(std::uint64_t)) {
    crc = _mm_crc32_u64(crc, load_word(at));
    second = _mm_crc32_u64(second, load_word(at + Stretch));
    third = _mm_crc32_u64(third, load_word(at + 2 * Stretch));
  }
  second ^= shift(kShift, crc);
  return third ^ shift(kShift, second);
}

__attribute__((target("sse4.2"))) std::uint32_t crc32c_by_instruction(ByteView bytes, std::uint32_t start) {
  constexpr std::size_t kLong = 4096;
  constexpr std::size_t kShort = 256;
  std::uint64_t crc = ~start;
  const auto* at = bytes.data();
  auto left = bytes.size();
  for (; left >= 3 * kLong; at += 3 * kLong, left -= 3 * kLong) crc = crc_three_stretches<kLong>(crc, at);
  for (; left >= 3 * kShort; at += 3 * kShort, left -= 3 * kShort) crc = crc_three_stretches<kShort>(crc, at);
  for (; left >= sizeof(std::uint64_t); at += sizeof(std::uint64_t), left -= sizeof(std::uint64_t)) {
    crc = _mm_crc32_u64(crc, load_word(at));
  }
  auto narrow = static_cast<std::uint32_t>(crc);
  for (; left > 0; ++at, --left) narrow = _mm_crc32_u8(narrow, static_cast<std::uint8_t>(*at));
  return ~narrow;
}

#endif

/// OpenSSL fails here only when it is broken or out of memory.
void require(int result, const char* what) {
  if (result != 1) throw Error(fmt::format("OpenSSL cannot {}", what));
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

std::uint32_t detail::crc32c_by_table(ByteView bytes, std::uint32_t crc) {
  crc = ~crc;
  const auto* at = bytes.data();
  auto left = bytes.size();
  for (; left >= 8; at += 8, left -= 8) {
    const auto word = load_le<std::uint64_t>(at) ^ crc;
    crc = 0;
    for (std::size_t i = 0; i < 8; ++i) crc ^= kWordTable[7 - i][(word >> (8 * i)) & 0xff];
  }
  for (; left > 0; ++at, --left) crc = next_byte(crc, *at);
  return ~crc;
}

std::uint32_t crc32c(ByteView bytes, std::uint32_t crc) {
#if defined(__x86_64__)
  static const bool has_instruction = __builtin_cpu_supports("sse4.2") != 0;
  if (has_instruction) return crc32c_by_instruction(bytes, crc);
#endif
  return detail::crc32c_by_table(bytes, crc);
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
  Sha256 sha;
  ByteVector buffer(std::size_t{1} << 20);
  while (const auto bytes = source.read(buffer)) sha.update(ByteView(buffer).first(bytes));
  return to_hex(sha.finish());
}

std::uint64_t page_digest(ByteView page, const DigestKey& key) {
  static_assert(kDigestKeyBytes >= XXH3_SECRET_SIZE_MIN);
  return XXH3_128bits_withSecret(page.data(), page.size(), key.data(), key.size()).low64;
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
