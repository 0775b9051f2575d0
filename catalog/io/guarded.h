#pragma once

#include <mutex>
#include <utility>

namespace pgkeep::io {

/// A value together with the mutex that guards it; reached only through with(). Thread-safe.
template <typename T>
class Guarded {
 public:
  Guarded() = default;
  explicit Guarded(T value) : value_(std::move(value)) {}

  template <typename Fn>
  decltype(auto) with(Fn&& fn) {
    const std::scoped_lock lock(mutex_);
    return std::forward<Fn>(fn)(value_);
  }
  template <typename Fn>
  decltype(auto) with(Fn&& fn) const {
    const std::scoped_lock lock(mutex_);
    return std::forward<Fn>(fn)(value_);
  }

 private:
  mutable std::mutex mutex_;
  T value_{};
};

}  // namespace pgkeep::io
