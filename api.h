#ifndef API_H
#define API_H

/*
 * What libmicrops is for programs: what stands between MICROPS_BEGIN and MICROPS_END in a header is
 * exported, for C and C++ alike. All other names are the stack's own. make install leaves them out
 * of the headers, and a program may have them once more.
 */
#ifdef __cplusplus
#define MICROPS_BEGIN extern "C" { _Pragma("GCC visibility push(default)")
#define MICROPS_END _Pragma("GCC visibility pop") }
#define MICROPS_ATOMIC(type) type volatile
#else
#define MICROPS_BEGIN _Pragma("GCC visibility push(default)")
#define MICROPS_END _Pragma("GCC visibility pop")
#define MICROPS_ATOMIC(type) _Atomic(type) /* C++ has it under another name, and only looks */
#endif

#endif
