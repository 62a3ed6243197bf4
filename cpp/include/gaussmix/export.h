#pragma once

// Marks what a shared libgaussmix exports; everything else is compiled hidden.
#if defined(__GNUC__)
#define GAUSSMIX_API __attribute__((visibility("default")))
#else
#define GAUSSMIX_API
#endif
