// A8  Vectored I/O: a header and a thousand pieces leave in few system calls, without being
//     joined. A write that took only a part is resumed by gathering again from a larger offset;
//     nothing is rebuilt.
#include <array>
#include <cstdio>
#include <string>
#include <sys/uio.h>
#include <thread>
#include <unistd.h>

#include "zc/base/check.h"
#include "zc/mem/chain.h"

int main() {
  zc::bytes_chain message(zc::bytes::from_string("header;"));
  for (int i = 0; i < 1000; ++i)
    message.append(zc::bytes::from_string("piece " + std::to_string(i) + std::string(200, '.')));

  int ends[2];
  ZC_CHECK(pipe(ends) == 0);
  std::size_t arrived = 0;
  std::thread reader([&] {
    std::array<char, 65536> room;
    for (ssize_t n; (n = read(ends[0], room.data(), room.size())) > 0;)
      arrived += static_cast<std::size_t>(n);
  });

  std::size_t sent = 0;
  int calls = 0;
  for (; sent < message.size(); ++calls) {
    std::array<zc::io_slice, 1024> list;  // as iovec, so it goes to the kernel as it is
    const std::size_t entries = message.gather(sent, list);
    const ssize_t n =
        writev(ends[1], reinterpret_cast<const iovec*>(list.data()), static_cast<int>(entries));
    ZC_CHECK(n > 0);
    sent += static_cast<std::size_t>(n);  // a pipe holds 64 KiB: most writes here are partial
  }
  close(ends[1]);
  reader.join();
  close(ends[0]);
  ZC_CHECK(arrived == message.size());
  ZC_CHECK(calls < 100);
  std::printf("%zu pieces, %zu bytes, %d system calls\n", message.pieces(), sent, calls);
}
