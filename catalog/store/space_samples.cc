#include "catalog/store/space_samples.h"

#include <string_view>
#include <tuple>
#include <unistd.h>

#include <fmt/format.h>

#include "catalog/io/error.h"
#include "catalog/io/file.h"
#include "catalog/io/json.h"
#include "catalog/io/sealed_json.h"

namespace pgkeep::store {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::uint64_t kMaxBytes = 32u << 10;
constexpr std::size_t kMaxSamples = 2 * (kSamplesKept / kSampleEvery);
constexpr std::string_view kName = ".space.json";  // no server has a name that begins with a dot
constexpr std::string_view kTmp = ".tmp";
/// No process takes so long to write it.
constexpr std::chrono::hours kAbandoned{1};
constexpr std::tuple kItems{std::pair{"total", &io::DiskSpace::total},
                            std::pair{"free", &io::DiskSpace::free}};

std::filesystem::path samples_file(const std::filesystem::path& root) {
  return root / kName;
}

std::vector<SpaceSample> samples_in(const nlohmann::json& json) {
  std::vector<SpaceSample> samples;
  for (const auto& item : json.at("samples")) {
    auto& sample = samples.emplace_back();
    io::read_item(item, "at", sample.at);
    io::read_items(item, sample.disk, kItems);
    if (sample.disk.free > sample.disk.total) throw Corruption("more is free than there is");
    if (samples.size() > kMaxSamples) throw Corruption("it has more samples than there can be");
    if (samples.size() > 1 && sample.at - samples[samples.size() - 2].at < kSampleEvery)
      throw Corruption("the samples are not in order, or too close to each other");
  }
  return samples;
}

std::string text_of(const std::vector<SpaceSample>& samples) {
  auto list = Json::array();
  for (const auto& sample : samples) {
    Json json{{"at", sample.at}};
    io::write_items(json, sample.disk, kItems);
    list.push_back(std::move(json));
  }
  return io::seal_json(Json{{"format", 1}, {"samples", std::move(list)}}.dump()) + "\n";
}

void replace(const std::filesystem::path& path, const std::string& text) {
  auto tmp = path;
  tmp += fmt::format(".{}{}", ::getpid(), kTmp);  // another process may be at it
  io::remove_file(tmp);
  try {
    auto file = io::File::create(tmp);
    file.append(io::as_bytes(text));
    file.close();
    io::rename_file(tmp, path);
  } catch (const StorageError&) {
    std::error_code ignored;
    std::filesystem::remove(tmp, ignored);
    throw;
  }
}

/// Of processes that were killed before the rename.
void remove_abandoned(const std::filesystem::path& root) {
  for (const auto& entry : io::entries(root)) {
    const auto name = entry.path().filename().native();
    if (!name.starts_with(kName) || !name.ends_with(kTmp)) continue;
    std::error_code gone;
    const auto written = entry.last_write_time(gone);
    if (!gone && written < std::filesystem::file_time_type::clock::now() - kAbandoned)
      io::remove_file(entry.path());
  }
}

/// None of a file that is damaged, of a crash of the machine, say. Throws StorageError.
std::vector<SpaceSample> sound_samples(const std::filesystem::path& root) {
  try {
    return io::read_sealed_json(samples_file(root), kMaxBytes, "", samples_in)
        .value_or(std::vector<SpaceSample>{});
  } catch (const Corruption&) {
    return {};
  }
}

}  // namespace

std::vector<SpaceSample> read_space_samples(const std::filesystem::path& root) {
  try {
    return sound_samples(root);
  } catch (const StorageError&) {
    return {};  // who asks continues without
  }
}

bool sample_space(const std::filesystem::path& root, io::TimePoint now) {
  auto samples = sound_samples(root);
  std::erase_if(samples,
                [&](const SpaceSample& sample) { return sample.at > now || sample.at < now - kSamplesKept; });
  if (!samples.empty() && samples.back().at > now - kSampleEvery) return false;
  remove_abandoned(root);
  samples.push_back({now, io::disk_space(root)});
  replace(samples_file(root), text_of(samples));
  return true;
}

}  // namespace pgkeep::store
