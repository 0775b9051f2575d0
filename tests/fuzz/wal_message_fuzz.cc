#include <cstdint>
#include <cstdlib>

#include "catalog/io/error.h"
#include "streaming/wire/wal_message.h"

// Whatever bytes come: refused by ProtocolError, or understood as a message that lies inside them.

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pgkeep;
  const io::ByteView bytes(reinterpret_cast<const std::byte*>(data), size);
  try {
    const auto message = streaming::parse_wal_message(bytes);
    if (const auto* wal = std::get_if<streaming::WalData>(&message)) {
      if (wal->data.size() + 25 != size) std::abort();
      if (wal->start + wal->data.size() < wal->start) std::abort();
    }
  } catch (const ProtocolError&) {
  }
  return 0;
}
