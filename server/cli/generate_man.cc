#include "server/cli/generate_man.h"

#include "catalog/io/file.h"
#include "server/cli/man_pages.h"

namespace pgkeep::server {

Exit run_generate_man(const GenerateManArguments& arguments, const Invocation& /*invocation*/) {
  constexpr mode_t kReadable = 0644;
  for (const auto& page : man_pages(arguments.date))
    io::write_file_durably(arguments.folder / page.file, io::as_bytes(page.text), kReadable);
  return Exit::ok;
}

}  // namespace pgkeep::server
