#pragma once

#include <cstdio>
#include <cstdlib>
#include <string>

namespace pgkeep::test {

/// A FILE in memory.
class Paper {
 public:
  Paper() : file_(::open_memstream(&text_, &size_)) {}
  Paper(const Paper&) = delete;
  Paper& operator=(const Paper&) = delete;
  ~Paper() {
    std::fclose(file_);
    std::free(text_);
  }
  std::FILE* file() const { return file_; }
  std::string text() const {
    std::fflush(file_);
    return {text_, size_};
  }

 private:
  char* text_ = nullptr;
  std::size_t size_ = 0;
  std::FILE* file_;
};

}  // namespace pgkeep::test
