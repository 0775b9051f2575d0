#include "tests/support/test_clock.h"

#include <cstdlib>
#include <fcntl.h>
#include <fstream>
#include <stdexcept>

#include <sys/mman.h>

#include "catalog/io/handle.h"

namespace pgkeep::test {
namespace {

/// Users of other names read it too.
std::int64_t* map_offset(const std::filesystem::path& file) {
  std::ofstream(file) << std::string(sizeof(std::int64_t), '\0');
  std::filesystem::permissions(file, std::filesystem::perms{0644});
  const io::UniqueFd fd(::open(file.c_str(), O_RDWR | O_CLOEXEC));
  void* memory = ::mmap(nullptr, sizeof(std::int64_t), PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0);
  if (memory == MAP_FAILED) throw std::runtime_error("cannot map " + file.native());
  return static_cast<std::int64_t*>(memory);
}

}  // namespace

TestClock::TestClock(std::chrono::seconds lag) {
  const auto file = directory_ / "offset";
  std::filesystem::permissions(directory_.path(), std::filesystem::perms{0755});
  offset_ = map_offset(file);
  set(lag);
  ::setenv("PGKEEP_TEST_CLOCK", file.c_str(), 1);
  ::setenv("LD_PRELOAD", PGKEEP_PRELOADED_CLOCK, 1);
  // A pgkeep that is built with the address sanitizer wants to be the first library otherwise.
  ::setenv("ASAN_OPTIONS", "verify_asan_link_order=0", 1);
}

TestClock::~TestClock() {
  ::unsetenv("ASAN_OPTIONS");
  ::unsetenv("LD_PRELOAD");
  ::unsetenv("PGKEEP_TEST_CLOCK");
  ::munmap(offset_, sizeof(std::int64_t));
}

void TestClock::set(std::chrono::seconds lag) {
  *offset_ = -lag.count();
}

std::chrono::system_clock::time_point TestClock::now() const {
  return std::chrono::system_clock::now() + std::chrono::seconds(*offset_);
}

}  // namespace pgkeep::test
