#include "gate/app/config/components.h"
#include "gate/app/config/section.h"

namespace sluice::config {

batch_settings read_batch(report& to, const component_body& from) {
  batch_settings out;
  out.id = from.id;
  section body(to, from.body, from.at, from.path);
  body.read("timeout", out.timeout);
  body.read("send_batch_size", out.send_batch_size);
  body.read("send_batch_max_size", out.send_batch_max_size);
  if (out.send_batch_max_size != 0 && out.send_batch_max_size < out.send_batch_size) {
    body.error(body.has("send_batch_max_size") ? "send_batch_max_size" : "send_batch_size",
               "send_batch_max_size must be 0 or at least send_batch_size (" +
                   std::to_string(out.send_batch_size) + "), got " +
                   std::to_string(out.send_batch_max_size));
  }
  body.unsupported("metadata_keys");
  body.ignore("metadata_cardinality_limit", shape::integer);
  body.finish();
  return out;
}

}  // namespace sluice::config
