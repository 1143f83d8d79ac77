/* Step 10: Ethernet. The text form of addresses, and the dump of a frame's header. */
#include <stdlib.h>

#include "bench.h"
#include "ether.h"
#include "util.h"

static const uint8_t frame[] = {
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x5e, 0x00, 0x53, 0x01,
    0x08, 0x06, 0x00, 0x01, 0x08, 0x00,
};

static void fields(void)
{
    check_int(log_set_level("error"), 0); /* it prints at any level */
    ether_print(frame, sizeof(frame));
    check_logged("src: 00:00:5e:00:53:01");
    check_logged("dst: ff:ff:ff:ff:ff:ff");
    check_logged("type: 0x0806");
}

/* The first 16 bytes are a line of the dump, the last two another. */
static void whole_dump(void)
{
    check_int(log_set_level("dump"), 0);
    ether_print(frame, sizeof(frame));
    check_logged("0000 | ff ff ff ff ff ff 00 00 5e 00 53 01 08 06 00 01 |");
    check_logged("0010 | 08 00  ");
}

static void only_header(void)
{
    ether_print(frame, ETHER_HDR_SIZE);
    check_logged("src: 00:00:5e:00:53:01");
    check_logged("type: 0x0806");
}

/* Each frame ends where its allocation ends, so that a sanitizer sees a read beyond. */
static void too_short(void)
{
    for (size_t len = 0; len < ETHER_HDR_SIZE; len++) {
        uint8_t *cut = malloc(len + 1);
        check(cut != NULL);
        memcpy(cut + 1, frame, len);
        ether_print(cut + 1, len);
        free(cut);
    }
    check_int(logged_times("src: "), 0);
    check_int(logged_times("type: "), 0);
}

static void parsed(void)
{
    uint8_t addr[ETHER_ADDR_LEN] = {0};

    check_int(ether_addr_pton("12:34:56:78:9a:bc", addr), 0);
    check_mem(addr, "\x12\x34\x56\x78\x9a\xbc", ETHER_ADDR_LEN);
    check_int(ether_addr_pton("00:0F:f0:AB:ef:01", addr), 0);
    check_mem(addr, "\x00\x0f\xf0\xab\xef\x01", ETHER_ADDR_LEN);
}

static void address_text(void)
{
    static const struct {
        const char *text;
        uint8_t bytes[ETHER_ADDR_LEN];
    } pairs[] = {
        {"00:00:5e:00:53:01", {0x00, 0x00, 0x5e, 0x00, 0x53, 0x01}},
        {"00:00:00:00:00:00", {0}},
        {"ff:ff:ff:ff:ff:ff", {0xff, 0xff, 0xff, 0xff, 0xff, 0xff}},
        {"12:34:56:78:9a:bc", {0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc}},
    };
    char text[ETHER_ADDR_STR_LEN];
    uint8_t addr[ETHER_ADDR_LEN];

    for (size_t i = 0; i < countof(pairs); i++) {
        check_int(ether_addr_pton(pairs[i].text, addr), 0);
        check_mem(addr, pairs[i].bytes, ETHER_ADDR_LEN);
        check_ptr(ether_addr_ntop(addr, text, sizeof(text)), text);
        check_str(text, pairs[i].text);
    }
    check_mem(ETHER_ADDR_ANY, pairs[1].bytes, ETHER_ADDR_LEN);
    check_mem(ETHER_ADDR_BROADCAST, pairs[2].bytes, ETHER_ADDR_LEN);
}

static void bad_text(void)
{
    static const char *const bad[] = {
        "",
        "00",
        "00:00:5e:00:53",
        "00:00:5e:00:53:",
        "00:00:5e:00:53:01:",
        "00:00:5e:00:53:01:02",
        "00:00:5e:00:53:0g",
        "00:00:5e:00:53:100",
        "00:00:5e:00:053:01",
        "00:00:5e:00:53:-1",
        "00:00:5e:00:53:+1",
        "00:00:5e:00:53: 1",
        " 00:00:5e:00:53:01",
        "00:00:5e:00:53:01 ",
        "00-00-5e-00-53-01",
        "00:00:5e::53:01",
        "00005e005301",
        "0x:00:5e:00:53:01",
        "192.0.2.1",
    };
    uint8_t addr[ETHER_ADDR_LEN];

    for (size_t i = 0; i < countof(bad); i++) {
        if (ether_addr_pton(bad[i], addr) != -1) {
            fail("'%s' was accepted as an address", bad[i]);
        }
    }
}

static void small_buffer(void)
{
    char text[ETHER_ADDR_STR_LEN + 1] = "untouched";

    check(!ether_addr_ntop(ETHER_ADDR_ANY, text, 0));
    check(!ether_addr_ntop(ETHER_ADDR_ANY, text, ETHER_ADDR_STR_LEN - 1));
    check_str(text, "untouched");
    text[ETHER_ADDR_STR_LEN] = '#';
    check_ptr(ether_addr_ntop(ETHER_ADDR_ANY, text, ETHER_ADDR_STR_LEN), text);
    check_int(text[ETHER_ADDR_STR_LEN], '#');
}

BENCH(10,
      {"the text of an address becomes its six bytes", parsed},
      {"ether_print prints a frame's addresses and type", fields},
      {"ether_print prints the header of a frame without a payload", only_header},
      {"ether_print dumps the whole frame, with its header", whole_dump},
      {"a frame shorter than a header prints no field, and is not read past its end", too_short},
      {"addresses are parsed and printed", address_text},
      {"malformed addresses are refused", bad_text},
      {"a buffer too small for an address is left untouched", small_buffer})
