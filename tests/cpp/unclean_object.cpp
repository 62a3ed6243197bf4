// Everything that the object checks look for, so that objects.control can show that they see it.
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <string>

namespace Eigen {
int plain_symbol() { return 1; }
}  // namespace Eigen
namespace nlohmann {
int plain_symbol() { return 2; }
}  // namespace nlohmann

namespace {
const std::string dynamically_initialized = std::getenv("PATH") != nullptr ? "path" : "";
int writable = 1;
}  // namespace

int print_and_leave(int choice) {
  std::cout << dynamically_initialized << ++writable;
  std::cerr << choice;
  std::printf("%d\n", choice);
  std::puts("text");
  if (choice == 1) std::abort();
#ifdef __x86_64__
  __asm__("vzeroupper");
#endif
  if (choice == 2) std::exit(choice);
  return Eigen::plain_symbol() + nlohmann::plain_symbol();
}
