#include "catalog/io/failure.h"

#include <new>
#include <stdexcept>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pgkeep::io {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;

template <typename Exception>
std::exception_ptr failure_after(const Exception& exception) {
  try {
    throw exception;
  } catch (...) {
    return current_failure();
  }
}

TEST(FailureTest, ALackOfMemoryIsAnErrorThatMayPass) {
  const auto failure = failure_after(std::bad_alloc());
  EXPECT_THAT([&] { std::rethrow_exception(failure); }, ThrowsMessage<Error>(HasSubstr("not enough memory")));
  try {
    std::rethrow_exception(failure);
  } catch (const Error& error) {
    EXPECT_TRUE(error.retryable());
  }
}

TEST(FailureTest, AllElseStaysWhatItIs) {
  EXPECT_THROW(std::rethrow_exception(failure_after(Busy("held"))), Busy);
  EXPECT_THROW(std::rethrow_exception(failure_after(std::logic_error("ours"))), std::logic_error);
}

}  // namespace
}  // namespace pgkeep::io
