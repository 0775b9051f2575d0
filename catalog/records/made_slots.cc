#include "catalog/records/made_slots.h"

#include <algorithm>
#include <chrono>
#include <stdexcept>

#include "catalog/io/error.h"
#include "catalog/io/file.h"
#include "catalog/io/lock.h"
#include "catalog/io/sealed_json.h"
#include "catalog/postgres/json.h"

namespace pgkeep::catalog {
namespace {

/// The stream would wait with it.
constexpr std::chrono::seconds kPatience{2};

using Json = nlohmann::ordered_json;

constexpr std::uint64_t kMaxBytes = 1u << 20;
constexpr std::string_view kIntended = "intended";
constexpr std::string_view kMade = "made";

bool parse_state(const nlohmann::json& item) {
  const auto& state = item.at("state").get_ref<const std::string&>();
  if (state != kMade && state != kIntended) throw std::invalid_argument("a slot in an unknown state");
  return state == kMade;
}

std::vector<MadeSlots::Slot> parse(const nlohmann::json& file) {
  std::vector<MadeSlots::Slot> slots;
  for (const auto& item : file.at("slots")) {
    slots.push_back({item.at("name").get<std::string>(),
                     item.at("system_identifier").get<postgres::SystemIdentifier>(),
                     item.at("host").get<postgres::Endpoint>(), parse_state(item),
                     item.at("created").get<io::TimePoint>()});
  }
  return slots;
}

Json json_of(const std::vector<MadeSlots::Slot>& slots) {
  auto list = Json::array();
  for (const auto& slot : slots) {
    list.push_back({{"name", slot.name},
                    {"system_identifier", slot.system},
                    {"host", slot.host},
                    {"state", slot.made ? kMade : kIntended},
                    {"created", slot.created}});
  }
  return {{"slots", std::move(list)}};
}

auto is(const std::string& name, postgres::SystemIdentifier system) {
  return [&name, system](const MadeSlots::Slot& slot) { return slot.name == name && slot.system == system; };
}

auto is(const std::string& name, postgres::SystemIdentifier system, const postgres::Endpoint& host) {
  return [is_named = is(name, system), &host](const MadeSlots::Slot& slot) {
    return is_named(slot) && slot.host == host;
  };
}

}  // namespace

std::vector<MadeSlots::Slot> MadeSlots::read() const {
  return io::read_sealed_json(layout_.made_slots(), kMaxBytes,
                              "when it is removed, pgkeep takes no slot for one of its own", parse)
      .value_or(std::vector<Slot>());
}

bool MadeSlots::has(const std::string& name, postgres::SystemIdentifier system) const {
  const auto slots = read();
  return std::ranges::any_of(slots, [&](const Slot& slot) { return slot.made && is(name, system)(slot); });
}

bool MadeSlots::has(const std::string& name, postgres::SystemIdentifier system,
                    const postgres::Endpoint& host) const {
  const auto slots = read();
  return std::ranges::any_of(slots,
                             [&](const Slot& slot) { return slot.made && is(name, system, host)(slot); });
}

template <typename Change>
void MadeSlots::change(Change&& change) {
  const auto lock_path = layout_.made_slots_lock();
  io::make_directories(lock_path.parent_path());
  const auto lock = io::File::open_or_create(lock_path);
  io::lock_alone(lock, kPatience);
  auto slots = read();
  change(slots);
  io::write_sealed_json(layout_.made_slots(), json_of(slots));
}

/// Seen is not durable: a slot that comes back here would have another's of that name dropped as ours.
void MadeSlots::keep_as_it_is() const {
  if (std::filesystem::exists(layout_.made_slots())) io::sync_directory(layout_.root());
}

void MadeSlots::intend(const std::string& name, postgres::SystemIdentifier system,
                       const postgres::Endpoint& host) {
  change([&](auto& slots) {
    if (std::ranges::none_of(slots, is(name, system, host)))
      slots.push_back({name, system, host, false, io::now()});
  });
}

void MadeSlots::take_back(const std::string& name, postgres::SystemIdentifier system,
                          const postgres::Endpoint& host) {
  change([&](auto& slots) {
    std::erase_if(slots, [&](const Slot& slot) { return !slot.made && is(name, system, host)(slot); });
  });
}

void MadeSlots::add(const std::string& name, postgres::SystemIdentifier system,
                    const postgres::Endpoint& host) {
  change([&](auto& slots) {
    std::erase_if(slots, is(name, system, host));
    slots.push_back({name, system, host, true, io::now()});
  });
}

void MadeSlots::remove(const std::string& name, postgres::SystemIdentifier system,
                       const postgres::Endpoint& host) {
  if (std::ranges::none_of(read(), is(name, system))) return keep_as_it_is();
  change([&](auto& slots) { std::erase_if(slots, is(name, system, host)); });
}

void MadeSlots::remove(const std::string& name, postgres::SystemIdentifier system) {
  if (std::ranges::none_of(read(), is(name, system))) return keep_as_it_is();
  change([&](auto& slots) { std::erase_if(slots, is(name, system)); });
}

}  // namespace pgkeep::catalog
