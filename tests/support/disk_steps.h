#pragma once

#include <cstdint>
#include <string>

#include <sys/types.h>

namespace pgkeep::test {

/// One thing that was done to the files below a directory, as DiskRecorder saw it, or a note between two of
/// them. Files and folders go by the numbers that the file system gives them (st_ino) while they live.
///
/// What only reads, or changes what no power cut can take (locks, owners, modes, times, hints to the kernel
/// as sync_file_range, close), is no step.
struct DiskStep {
  enum class Kind {
    make_file,    // `file`, as `name` in `folder`; a folder 0: without a name (O_TMPFILE)
    make_folder,  // the same
    make_link,    // a symbolic one, `file`, to `bytes`
    add_name,     // one more name of `file`
    remove,       // `name` in `folder`, whatever it names
    rename,       // `name` in `folder` to `to_name` in `to_folder`
    write,        // `bytes` at `number` into `file`
    set_length,   // of `file`, to `number`
    sync,         // of `file`, which may be a folder
    sync_all,     // of the whole file system
    note          // no call: `bytes` say what was promised to somebody, and `number` may say how much of it
  };
  Kind kind;
  ino_t file = 0;
  ino_t folder = 0;
  std::string name{};
  ino_t to_folder = 0;
  std::string to_name{};
  std::uint64_t number = 0;
  std::string bytes{};
};

}  // namespace pgkeep::test
