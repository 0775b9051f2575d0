#include "catalog/wal/spare_segment.h"

#include <condition_variable>
#include <mutex>

#include "catalog/io/error.h"

namespace pgkeep::catalog {
namespace {

constexpr std::size_t kFillBytes = 256u << 10;

bool make_spare(const std::filesystem::path& path, postgres::WalSegmentSize size, Filling filling) noexcept {
  try {
    io::remove_file(path);
    auto file = io::File::create(path);
    fill(file, size, filling);
    file.sync();
    return true;
  } catch (const std::exception&) {
    // The partial is made when it is needed, and who needs it hears what is wrong with the disk.
    std::error_code ignored;
    std::filesystem::remove(path, ignored);
    return false;
  }
}

}  // namespace

void fill(io::File& file, postgres::WalSegmentSize size, Filling filling) {
  if (filling == Filling::room && file.reserve(size.bytes())) return;
  const io::ByteVector zeroes(std::min<std::uint64_t>(size.bytes(), kFillBytes));
  for (std::uint64_t filled = 0; filled < size.bytes(); filled += zeroes.size())
    file.write_at(zeroes, filled);
}

/// What the owner and the pool's task know of each other.
class SpareSegment::Preparation {
 public:
  /// Of the task: false when it was given up.
  bool begin() {
    const std::scoped_lock lock(mutex_);
    if (step_ == Step::waiting) step_ = Step::making;
    return step_ == Step::making;
  }
  void end(bool made) {
    const std::scoped_lock lock(mutex_);
    step_ = made ? Step::made : Step::given_up;
    ended_.notify_all();
  }
  /// Of the owner: whether the file is there. The task touches nothing more after that.
  bool finish() {
    std::unique_lock lock(mutex_);
    if (step_ == Step::waiting) step_ = Step::given_up;
    ended_.wait(lock, [this] { return step_ != Step::making; });
    return step_ == Step::made;
  }

 private:
  enum class Step { waiting, making, made, given_up };
  std::mutex mutex_;
  std::condition_variable ended_;
  Step step_ = Step::waiting;
};

SpareSegment::SpareSegment(const store::ServerLayout& layout, postgres::WalSegmentSize size)
    : path_(layout.spare_segment()), size_(size) {}

SpareSegment::~SpareSegment() {
  std::error_code ignored;
  if (finish_preparation()) std::filesystem::remove(path_, ignored);
}

void SpareSegment::discard() {
  if (preparation_ == nullptr) io::remove_file(path_);
}

void SpareSegment::prepare(io::WorkerPool& pool, Filling filling) {
  if (preparation_ != nullptr) return;
  preparation_ = std::make_shared<Preparation>();
  pool.submit([preparation = preparation_, path = path_, size = size_, filling] {
    if (preparation->begin()) preparation->end(make_spare(path, size, filling));
  });
}

bool SpareSegment::become(const std::filesystem::path& partial) {
  if (!finish_preparation()) return false;
  io::rename_durably(path_, partial);
  return true;
}

bool SpareSegment::finish_preparation() {
  const auto preparation = std::exchange(preparation_, nullptr);
  return preparation != nullptr && preparation->finish();
}

}  // namespace pgkeep::catalog
