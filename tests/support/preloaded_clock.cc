// Loaded into the programs of a test by LD_PRELOAD: their clock on the wall differs from the machine's by the
// seconds in the file that PGKEEP_TEST_CLOCK names (test_clock.h). Asks the kernel by calls that the oldest C
// library has, since each version of PostgreSQL runs with that of its own Debian; Debian's libfaketime needs
// one of its own release.
#include <cstdint>
#include <cstdlib>
#include <ctime>
#include <fcntl.h>
#include <unistd.h>

#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>

namespace {

constexpr long kMicrosecond = 1000;  // nanoseconds

/// The file as the test changes it, in memory. Without one the clock is the machine's.
const volatile std::int64_t* shared_offset() {
  const char* path = std::getenv("PGKEEP_TEST_CLOCK");
  if (path == nullptr) return nullptr;
  const int fd = ::open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return nullptr;
  const void* memory = ::mmap(nullptr, sizeof(std::int64_t), PROT_READ, MAP_SHARED, fd, 0);
  ::close(fd);
  return memory == MAP_FAILED ? nullptr : static_cast<const volatile std::int64_t*>(memory);
}

std::int64_t offset_seconds() {
  static const volatile std::int64_t* const offset = shared_offset();
  return offset == nullptr ? 0 : *offset;
}

bool is_on_the_wall(clockid_t clock) {
  return clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE;
}

}  // namespace

extern "C" {

int clock_gettime(clockid_t clock, timespec* time) {
  const auto result = static_cast<int>(::syscall(SYS_clock_gettime, clock, time));
  if (result == 0 && is_on_the_wall(clock)) time->tv_sec += offset_seconds();
  return result;
}

int gettimeofday(timeval* time, void* /*zone*/) {
  timespec now{};
  const int result = clock_gettime(CLOCK_REALTIME, &now);
  *time = {.tv_sec = now.tv_sec, .tv_usec = now.tv_nsec / kMicrosecond};
  return result;
}

time_t time(time_t* result) {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  if (result != nullptr) *result = now.tv_sec;
  return now.tv_sec;
}
}
