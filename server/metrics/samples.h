#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

#include "catalog/io/units.h"

namespace pgkeep::server {

/// Writes the samples of one metric in the text format that Prometheus reads (version 0.0.4).
class Samples {
 public:
  using Label = std::pair<std::string_view, std::string_view>;
  using Labels = std::initializer_list<Label>;

  /// `name`: of the metric, with its prefix. Borrows `text`, to which it appends.
  Samples(std::string_view name, std::string& text) : name_(name), text_(&text) {}

  // Values of labels may be anything; names are ours. `suffix` belongs to the parts of a histogram.
  void add(Labels labels, std::uint64_t value, std::string_view suffix = {});
  /// Seconds, shares and what else has a fraction; a number that is none is left out.
  void add(Labels labels, double value, std::string_view suffix = {});
  void add(Labels labels, bool value) { add(labels, std::uint64_t{value ? 1U : 0U}); }
  /// Seconds since 1970, as Prometheus has times.
  void add(Labels labels, io::TimePoint time);

 private:
  void line(Labels labels, std::string_view suffix, std::string_view value);

  std::string_view name_;
  std::string* text_;
};

}  // namespace pgkeep::server
