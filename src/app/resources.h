// What the process may use of the machine: the limit of open descriptors.

#pragma once

namespace neosocksd::app {

// Raises the soft limit of descriptors to the hard one, and says so. The soft limit is low for the
// sake of programs that use select(2), of which we are none; each session needs two descriptors.
void raise_descriptor_limit();

}  // namespace neosocksd::app
