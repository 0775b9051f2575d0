#pragma once

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "catalog/store/file_entry.h"
#include "catalog/store/object_encoder.h"

namespace pgkeep::store {

/// A piece of a file on its way, with what the consumer has to know of its file. Entries without bytes
/// (folders, empty files) travel as one slot of size 0.
struct PieceSlot {
  io::ByteVector bytes;                   // always kPieceBytes long
  std::uint32_t size = 0;                 // bytes used
  std::optional<PreviousPiece> previous;  // the same piece in the backup compared with
  std::optional<FileEntry> begins;        // on the first piece of an entry
  bool ends = false;                      // on the last one
  EncodedPiece encoded;

  io::ByteView content() const { return io::ByteView(bytes).first(size); }
};

/// Encodes pieces on several threads and consumes them in the order in which they came.
///
/// A ring of slots: the producer fills the next one, workers encode whichever is due, and the worker that
/// finishes the oldest one consumes it and all finished ones after it. So there is no thread that only
/// passes things on, and memory is the ring. A producer that finds the ring full encodes a piece itself
/// rather than sleep.
///
/// acquire(), submit() and drain(): one thread, the producer's. `consume` is called by one thread at a time.
/// The first exception of a worker or of `consume` ends the work and is thrown by the producer's next call.
class PiecePipeline {
 public:
  PiecePipeline(unsigned workers, const std::function<ObjectEncoder()>& make_encoder,
                std::function<void(PieceSlot&)> consume);
  ~PiecePipeline();
  PiecePipeline(const PiecePipeline&) = delete;
  PiecePipeline& operator=(const PiecePipeline&) = delete;

  /// The slot to fill next, cleared.
  PieceSlot& acquire();
  /// The slot acquired last is full.
  void submit();
  /// Waits until everything submitted has been consumed.
  void drain();

 private:
  struct Stage {
    PieceSlot slot;
    bool encoded = false;
  };
  void stop();
  void work(ObjectEncoder& encoder);
  /// With the lock held: encodes the next piece and consumes what is due. False when nothing waits to be
  /// encoded.
  bool encode_one(std::unique_lock<std::mutex>& lock, ObjectEncoder& encoder);
  void consume_due(std::unique_lock<std::mutex>& lock);
  void fail();
  void rethrow();
  Stage& stage(std::uint64_t sequence) { return ring_[sequence % ring_.size()]; }

  std::vector<Stage> ring_;
  std::function<void(PieceSlot&)> consume_;
  std::vector<ObjectEncoder> encoders_;  // one a worker, the producer's last

  std::mutex mutex_;
  std::condition_variable to_encode_;
  std::condition_variable consumed_one_;
  std::uint64_t submitted_ = 0;
  std::uint64_t encoding_ = 0;  // next to be taken by a worker
  std::uint64_t consumed_ = 0;
  bool consuming_ = false;
  bool stopping_ = false;
  std::exception_ptr failure_;
  std::vector<std::jthread> workers_;  // last: they use all of the above
};

}  // namespace pgkeep::store
