// gate/app/config/nearest.h - the name that somebody probably meant.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace sluice::config {

// How many letters must be inserted, removed, replaced or swapped with their neighbour to make `b`
// of `a`. Cost: sizes multiplied.
std::size_t edit_distance(std::string_view a, std::string_view b);

// The first of the nearest names, ignoring case, or nothing when none is near: about one mistake in
// three letters. Names beyond 64 bytes are near to nothing; only the first thousand of `known` are
// looked at.
std::string_view nearest(std::string_view name, std::span<const std::string_view> known);

// "; did you mean "endpoint"?", or nothing.
std::string hint(std::string_view name, std::span<const std::string_view> known);

}  // namespace sluice::config
