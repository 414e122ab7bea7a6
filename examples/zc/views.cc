// A5  Views for parsing: a request head and a length-delimited message, both read where they lie.
//     Fields are views into the received bytes; names are compared without case, values come
//     trimmed; nothing is allocated for them.
#include <cstdio>
#include <string_view>
#include <vector>

#include "zc/base/check.h"
#include "zc/mem/bytes.h"
#include "zc/wire/http1/head.h"
#include "zc/wire/protobuf/reader.h"

int main() {
  const zc::bytes received = zc::bytes::from_static(
      "PUT /orders?id=7 HTTP/1.1\r\nHost: example\r\nX-Tenant:   blue \r\n\r\n"
      "\x0a\x05hello\x10\x2a");
  const std::string_view text = received.text();
  const std::size_t body_at = text.find("\r\n\r\n") + 4;

  std::vector<zc::http1::field> fields;
  const auto head = zc::http1::parse_request(text.substr(0, body_at), fields);
  ZC_CHECK(head && head->path == "/orders" && head->query == "id=7");
  const std::string_view tenant = zc::http1::find(head->fields, "x-tenant");
  ZC_CHECK(tenant == "blue");
  ZC_CHECK(tenant.data() > text.data() && tenant.data() < text.data() + text.size());  // in place

  const zc::bytes body = received.slice(body_at, received.size() - body_at);
  zc::pb::reader fields_of_message(body.view());
  while (fields_of_message.next()) {
    if (fields_of_message.number() == 1) ZC_CHECK(fields_of_message.text() == "hello");
    if (fields_of_message.number() == 2) ZC_CHECK(fields_of_message.value() == 42);
  }
  ZC_CHECK(fields_of_message.ok());  // bad input is a value with a reason and an offset
  std::puts("parsed where it lay");
}
