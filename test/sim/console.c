/* The real console: it does not yield, so logging does not change a run. */
#include "../../platform/linux/console.c"
