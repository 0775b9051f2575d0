#include "catalog/store/space_samples.h"

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

constexpr std::uint64_t kMaxBytes = 1u << 20;
constexpr std::tuple kItems{std::pair{"total", &io::DiskSpace::total},
                            std::pair{"free", &io::DiskSpace::free}};

std::filesystem::path samples_file(const std::filesystem::path& root) {
  return root / ".space.json";  // no server has a name that begins with a dot
}

std::vector<SpaceSample> samples_in(const nlohmann::json& json) {
  std::vector<SpaceSample> samples;
  for (const auto& item : json.at("samples")) {
    auto& sample = samples.emplace_back();
    io::read_item(item, "at", sample.at);
    io::read_items(item, sample.disk, kItems);
    if (sample.disk.free > sample.disk.total) throw Corruption("more is free than there is");
    if (samples.size() > 1 && sample.at <= samples[samples.size() - 2].at)
      throw Corruption("the samples are not in order");
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
  tmp += fmt::format(".{}.tmp", ::getpid());  // another process may be at it
  io::remove_file(tmp);
  try {
    auto file = io::File::create(tmp);
    file.append(io::as_bytes(text));
    file.close();
  } catch (const StorageError&) {
    std::error_code ignored;
    std::filesystem::remove(tmp, ignored);
    throw;
  }
  io::rename_file(tmp, path);
}

}  // namespace

std::vector<SpaceSample> read_space_samples(const std::filesystem::path& root) {
  try {
    const auto samples = io::read_sealed_json(samples_file(root), kMaxBytes, "", samples_in);
    return samples.value_or(std::vector<SpaceSample>{});
  } catch (const Corruption&) {
    // Of a crash of the machine, say. The next sample begins a new file.
  } catch (const StorageError&) {
    // Who asks continues without.
  }
  return {};
}

bool sample_space(const std::filesystem::path& root, io::TimePoint now) {
  auto samples = read_space_samples(root);
  std::erase_if(samples,
                [&](const SpaceSample& sample) { return sample.at > now || sample.at < now - kSamplesKept; });
  if (!samples.empty() && samples.back().at > now - kSampleEvery) return false;
  samples.push_back({now, io::disk_space(root)});
  replace(samples_file(root), text_of(samples));
  return true;
}

}  // namespace pgkeep::store
