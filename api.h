#ifndef API_H
#define API_H

/*
 * api.h marks the public interface of libmicrops, for C and C++: the names that headers declare
 * between MICROPS_BEGIN and MICROPS_END. The library hides all others, so a program may use the
 * same names, and make install leaves them out of the headers.
 */
#ifdef __cplusplus
#define MICROPS_BEGIN extern "C" { _Pragma("GCC visibility push(default)")
#define MICROPS_END _Pragma("GCC visibility pop") }
#define MICROPS_ATOMIC(type) type volatile
#else
#define MICROPS_BEGIN _Pragma("GCC visibility push(default)")
#define MICROPS_END _Pragma("GCC visibility pop")
#define MICROPS_ATOMIC(type) _Atomic(type) /* C++ has no _Atomic; its programs only read */
#endif

#endif
