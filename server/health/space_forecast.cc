#include "server/health/space_forecast.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <vector>

#include <fmt/format.h>

#include "catalog/io/error.h"
#include "catalog/io/units.h"

namespace pgkeep::server {
namespace {

using store::SpaceSample;
using Days = std::chrono::duration<double, std::ratio<86400>>;

constexpr std::chrono::days kWeeksThatTell{28};
constexpr std::chrono::days kLeastSeen{2};
// For what began to fill lately.
constexpr std::chrono::days kLately{3};
constexpr std::chrono::days kLeastSeenLately{1};
constexpr double kSoon = 3;
/// Before so much was seen, the first backups may be all that there is.
constexpr std::chrono::days kNewUntil{7};
/// What samples that are closer show is no trend: a file that is being written, say.
constexpr std::chrono::hours kLeastApart{1};
/// A day's samples may be taken a little earlier than those of the day before.
constexpr std::chrono::hours kAboutADay{22};
/// What is further away is no forecast.
constexpr double kYear = 365;
/// An exbibyte; more is no growth, and no figure that is shown may overflow.
constexpr double kMostADay = 1ull << 60;

double used(const io::DiskSpace& disk) {
  return static_cast<double>(disk.total) - static_cast<double>(disk.free);
}

struct Trend {
  double bytes_a_day = 0;
  std::chrono::hours seen{};
};

double growth(const SpaceSample& from, const SpaceSample& to) {
  const auto days = std::chrono::duration_cast<Days>(to.at - from.at).count();
  return std::clamp((used(to.disk) - used(from.disk)) / days, -kMostADay, kMostADay);
}

/// The slope that three in five pairs of samples reach; they are in order. Nothing when they cover less than
/// `least`. One step up in the middle makes half of the pairs steep.
std::optional<Trend> trend(std::span<const SpaceSample> samples, std::chrono::hours least) {
  if (samples.empty() || samples.back().at - samples.front().at < least) return std::nullopt;
  std::vector<double> slopes;
  for (std::size_t i = 0; i < samples.size(); ++i)
    for (std::size_t j = i + 1; j < samples.size(); ++j)
      if (samples[j].at - samples[i].at >= kLeastApart) slopes.push_back(growth(samples[i], samples[j]));
  const auto reached = slopes.begin() + static_cast<std::ptrdiff_t>(slopes.size() * 2 / 5);
  std::ranges::nth_element(slopes, reached);
  return Trend{*reached, std::chrono::floor<std::chrono::hours>(samples.back().at - samples.front().at)};
}

/// The last of the samples, which are in order, that was taken by then; null when there is none.
const SpaceSample* last_by(std::span<const SpaceSample> samples, io::TimePoint time) {
  const auto after = std::ranges::upper_bound(samples, time, {}, &SpaceSample::at);
  return after == samples.begin() ? nullptr : &*std::prev(after);
}

/// What the slower of the last two days grew by, 0 where one of them emptied; nothing when fewer are known.
std::optional<double> slower_of_two_days(std::span<const SpaceSample> samples) {
  const auto& now = samples.back();
  const auto* day_before = last_by(samples, now.at - std::chrono::days(1));
  if (day_before == nullptr) return std::nullopt;
  const auto* two_before = last_by(samples, day_before->at - kAboutADay);
  if (two_before == nullptr) two_before = &samples.front();
  if (day_before->at - two_before->at < kLeastApart) return std::nullopt;
  return std::max(0.0, std::min(growth(*day_before, now), growth(*two_before, *day_before)));
}

/// Those of the last so many days.
std::span<const SpaceSample> newest(std::span<const SpaceSample> samples, std::chrono::days days) {
  const auto first = std::ranges::lower_bound(samples, samples.back().at - days, {}, &SpaceSample::at);
  return samples.subspan(static_cast<std::size_t>(first - samples.begin()));
}

std::optional<double> days_until_full(const Trend& trend, const io::DiskSpace& disk) {
  if (trend.bytes_a_day <= 0) return std::nullopt;
  return static_cast<double>(disk.free) / trend.bytes_a_day;
}

std::string in_days(double days) {
  return counted(static_cast<std::uint64_t>(std::floor(days)), "day");
}

}  // namespace

std::optional<SpaceForecast> forecast_space(std::span<const SpaceSample> samples, const io::DiskSpace& disk,
                                            io::TimePoint now) {
  std::vector<SpaceSample> seen;
  for (const auto& sample : samples)
    if (sample.at < now) seen.push_back(sample);
  seen.push_back({now, disk});
  const auto at_most = slower_of_two_days(seen);
  if (auto lately = trend(newest(seen, kLately), kLeastSeenLately); lately && at_most) {
    lately->bytes_a_day = std::min(lately->bytes_a_day, *at_most);
    const auto days = days_until_full(*lately, disk);
    if (days && *days < kSoon) return SpaceForecast{lately->bytes_a_day, days, lately->seen};
  }
  auto weeks = trend(newest(seen, kWeeksThatTell), kLeastSeen);
  if (!weeks) return std::nullopt;
  if (weeks->seen < kNewUntil) {
    if (!at_most) return std::nullopt;
    weeks->bytes_a_day = std::min(weeks->bytes_a_day, *at_most);
  }
  auto days = days_until_full(*weeks, disk);
  if (days && *days > kYear) days.reset();
  return SpaceForecast{weeks->bytes_a_day, days, weeks->seen};
}

std::string describe(const std::optional<SpaceForecast>& forecast) {
  if (!forecast)
    return fmt::format("how it fills is not known yet, before {} days have been seen", kLeastSeen.count());
  const auto days_seen =
      std::max<std::int64_t>(1, std::chrono::round<std::chrono::days>(forecast->seen).count());
  const auto as_seen =
      fmt::format("as in the last {}", counted(static_cast<std::uint64_t>(days_seen), "day"));
  if (!forecast->days_until_full)
    return fmt::format("it will not be full within a year if it goes on {}", as_seen);
  return fmt::format("full in {} at {} a day, {}", in_days(*forecast->days_until_full),
                     io::format_bytes(static_cast<std::uint64_t>(forecast->bytes_a_day)), as_seen);
}

SpaceFacts read_space_facts(const store::Repository& repository) {
  const auto& root = repository.root();
  return {.root = root, .disk = io::disk_space(root), .samples = store::read_space_samples(root)};
}

std::optional<SpaceFacts> space_facts_to_show(const store::Repository& repository, Output& out) {
  try {
    return read_space_facts(repository);
  } catch (const StorageError& error) {
    out.warning(fmt::format("how full the disk is cannot be told: {}", error.what()));
    return std::nullopt;
  }
}

Json space_json(const SpaceFacts& facts, const io::Reserve& reserve, io::TimePoint now) {
  const auto forecast = forecast_space(facts.samples, facts.disk, now);
  Json json{{"total_bytes", facts.disk.total},
            {"free_bytes", facts.disk.free},
            {"reserve_bytes", reserve.bytes_of(facts.disk)},
            {"growth_bytes_a_day", nullptr},
            {"days_until_full", nullptr}};
  if (!forecast) return json;
  json["growth_bytes_a_day"] = std::llround(forecast->bytes_a_day);
  if (forecast->days_until_full) json["days_until_full"] = std::floor(*forecast->days_until_full * 10) / 10;
  return json;
}

std::string describe(const SpaceFacts& facts, const io::Reserve& reserve, io::TimePoint now) {
  const auto kept = reserve.amount == 0 ? std::string()
                                        : fmt::format(", {} are kept for WAL", describe(reserve, facts.disk));
  return fmt::format("{} of {} are free{}; {}", io::format_bytes(facts.disk.free),
                     io::format_bytes(facts.disk.total), kept,
                     describe(forecast_space(facts.samples, facts.disk, now)));
}

}  // namespace pgkeep::server
