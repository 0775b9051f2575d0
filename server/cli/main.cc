#include <string>
#include <vector>

#include "server/cli/program.h"

int main(int argc, char** argv) {
  return pgkeep::server::run_program(std::vector<std::string>(argv + (argc > 0 ? 1 : 0), argv + argc));
}
