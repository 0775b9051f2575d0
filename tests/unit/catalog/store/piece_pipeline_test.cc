#include "catalog/store/piece_pipeline.h"

#include <new>

#include <gtest/gtest.h>

#include "catalog/io/failure.h"

namespace pgkeep::store {
namespace {

const io::DigestKey kKey{};

TEST(PiecePipelineTest, ALackOfMemoryOnAnyThreadIsAnErrorOfTheBackup) {
  PiecePipeline pipeline(
      2, [] { return ObjectEncoder(kKey, nullptr, 1); }, [](PieceSlot&) { throw std::bad_alloc(); });
  auto& slot = pipeline.acquire();
  slot.size = 100;
  pipeline.submit();
  EXPECT_THROW(pipeline.drain(), io::NotEnoughMemory);
  EXPECT_THROW(pipeline.acquire(), io::NotEnoughMemory);
}

}  // namespace
}  // namespace pgkeep::store
