/* The bench's console is the real one: nobody gives way there, so what is logged changes no run. */
#include "../../platform/linux/console.c"
