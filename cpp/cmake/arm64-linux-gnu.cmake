# Compiles for arm64 by Debian's g++-aarch64-linux-gnu and runs what is compiled, the tests too, under qemu-user:
#     cmake -S . -B build/arm64 --toolchain cpp/cmake/arm64-linux-gnu.cmake
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)
set(CMAKE_CXX_FLAGS_INIT -Wno-psabi) # no notes on what GCC 10 changed in the ABI
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-aarch64 -L /usr/aarch64-linux-gnu)
