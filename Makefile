# make, make build   library, graders and programs: each .exe lies beside its .c
# make test     all graders, then the end-to-end tests; STEP=14: the grader of one step, up to its
#               first failure; SAN=address or thread: with a sanitizer
# make long     tests that take minutes: valgrind, more bytes with loss, a crowd of clients
# make soak     the judge's trials: SEEDS=1000 FROM=1; make repeat: the same with other compilers
# make bench    how much of a path's rate the stack uses, as a table: SEEDS=20 FROM=1; minutes
# make bench-tap  how long transfers to and from Linux take: RUNS=5 TREE=dir AGAINST=dir ROWS=echo
# make run      the echo server on tap0          make demo   the same without a second terminal
# make run-debug            the same with the headers of each frame in the log
# make tap      tap0 alone (make untap removes it)
# make fuzz     libFuzzer (clang) for TIME=60 seconds on each harness; FUZZ=frame or stream: one
# make mutate   measures the tests: FILE=tcp.c N=200 SEED=1 STEP=24 TREE=../trees/24 JOBS=1
# make install  headers, libraries and a file for pkg-config below PREFIX=/usr/local
# make lint, make clean

CFLAGS ?= -O2 -g
STD := -std=gnu11 -fPIC -fvisibility=hidden -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes
# A skeleton has functions that nothing calls yet.
TODO := $(shell grep -lsw not_written *.c driver/*.c platform/linux/*.c platform/linux/driver/*.c)
STD += $(if $(TODO),-Wno-unused -Wno-unused-parameter)
INC := -I. -Iplatform/linux
SAN_address := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
SAN_thread := -fsanitize=thread
SAN_fuzz = $(SAN_address) # and, for the stack alone, coverage that guides the fuzzer
SAN_cover = $(SAN_address) -fprofile-instr-generate -fcoverage-mapping
B := build/$(if $(SAN),$(SAN),plain)
EXE := $(if $(SAN),$(B)/)

STACK := $(wildcard *.c driver/*.c)
LINUX := $(STACK) $(wildcard platform/linux/*.c platform/linux/driver/*.c)
FUZZER := test/fuzz/libfuzzer.c test/fuzz/fiber.c
SIM := $(STACK) $(filter-out $(FUZZER),$(wildcard test/sim/*.c test/judge/*.c test/fuzz/*.c))
GRADERS := $(wildcard test/bench_selftest.c test/step[0-9][0-9].c test/hostile/*.c test/parsers.c \
    test/units.c test/watch_selftest.c test/watch_cwnd_selftest.c test/judge.c test/soak.c \
    test/first.c test/bench_path.c)
APPS := $(filter-out app/setup.c,$(wildcard app/*.c))
TOOLS := $(wildcard test/test.c test/e2e/*.c)
INNER := $(wildcard test/*_test.c) # tests of names that the library hides
obj = $(patsubst %.c,$(B)/%.o,$(1))
exe = $(patsubst %.c,$(EXE)%.exe,$(1))
KNOWN := AR B CC CFLAGS EXE SAN SEED STEP # variables that the command line may set

LIBS := $(EXE)libmicrops.a $(EXE)libmicrops.so
all build: $(LIBS) $(call exe,$(GRADERS) $(TOOLS) $(INNER) $(APPS))

$(B)/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(CC) $(STD) $(CFLAGS) $(SAN_$(SAN)) $(INC) -Itest/sim -MMD -MP -pthread -c -o $@ $<

# One object, whose only global names are the public ones (api.h).
OBJCOPY ?= objcopy
$(B)/libmicrops.o: $(call obj,$(LINUX))
	$(LD) -r -o $@ $^
	$(OBJCOPY) --localize-hidden $@
$(EXE)libmicrops.so: $(B)/libmicrops.o
	$(CC) $(CFLAGS) $(SAN_$(SAN)) -shared -Wl,-soname,libmicrops.so -pthread -o $@ $<
$(EXE)libmicrops.a: $(B)/libmicrops.o
$(B)/libsim.a: $(call obj,$(SIM))
$(EXE)libmicrops.a $(B)/libsim.a:
	@mkdir -p $(@D) && rm -f $@
	$(AR) rcs $@ $^

link = @mkdir -p $(@D); $(if $(GRADER),,set -x;) $(CC) $(CFLAGS) $(SAN_$(SAN)) -pthread -o $@ $^
$(call exe,$(GRADERS)): $(EXE)%.exe: $(B)/%.o $(B)/libsim.a
	$(link)
$(call exe,$(TOOLS)): $(EXE)%.exe: $(B)/%.o $(EXE)libmicrops.a
	$(link)
$(EXE)test/e2e/transfers.exe: $(call obj,app/setup.c)
$(call exe,$(INNER)): $(EXE)%.exe: $(B)/%.o $(call obj,$(LINUX))
	$(link)
$(call exe,$(APPS)): $(EXE)%.exe: $(B)/%.o $(call obj,$(wildcard app/setup.c)) $(EXE)libmicrops.a
	$(link)
$(call obj,$(STACK)): SAN_fuzz += -fsanitize=fuzzer-no-link -fno-sanitize-coverage=trace-cmp
$(call obj,$(STACK)): SAN_cover += -fsanitize=fuzzer-no-link
$(B)/frame.exe $(B)/stream.exe: $(call obj,$(FUZZER)) $(B)/libsim.a
	$(link) -fsanitize=fuzzer

# With STEP the grader alone: only what it needs is built, silently.
GRADER := $(if $(filter test,$(MAKECMDGOALS)),$(STEP))
GRADER := $(if $(GRADER),$(or $(wildcard test/step$(STEP).c test/step0$(STEP).c), \
    $(error there is no grader for step $(STEP))))
$(if $(GRADER),.SILENT:)
test: $(or $(call exe,$(GRADER)),all)
	@$(if $(GRADER),./$(call exe,$(GRADER)),sh test/run.sh "$(EXE)" "$(SAN)")
.PHONY: test
long: all
	@for script in test/long/*.sh; do echo "$$script"; $$script || failed=1; done; \
	    exit $${failed:-0}
.PHONY: long
KNOWN += SEEDS FROM
soak: all
	@sh test/soak.sh "$(SEEDS)" "$(FROM)"
repeat:
	@sh test/repeat.sh "$(SEEDS)" "$(FROM)"
bench: $(EXE)test/bench_path.exe
	@./$< -n "$(or $(SEEDS),20)" -f "$(or $(FROM),1)"
KNOWN += RUNS AGAINST ROWS
bench-tap: $(call exe,test/e2e/transfers.c test/e2e/timed.c test/e2e/ping.c)
	@EXE="$(EXE)" RUNS="$(RUNS)" TREE="$(TREE)" AGAINST="$(AGAINST)" ROWS="$(ROWS)" \
	    sh test/bench_tap.sh
.PHONY: soak repeat bench bench-tap
run run-debug: $(EXE)app/tcps.exe
	@$(if $(filter %-debug,$@),MICROPS_LOG=debug )EXE="$(EXE)" sh app/run.sh
demo: $(call exe,app/tcps.c test/e2e/ping.c test/e2e/client.c)
	@sh app/demo.sh
.PHONY: run run-debug demo
tap untap:
	@sh platform/linux/tap.sh $@
.PHONY: tap untap
KNOWN += TIME FUZZ CLANG
fuzz:
	@sh test/fuzz/run.sh "$(TIME)" "$(FUZZ)"
.PHONY: fuzz
KNOWN += FILE N TREE JOBS
mutate:
	@CC="$(CC)" sh tools/mutate "$(FILE)" "$(N)" "$(SEED)" "$(STEP)" "$(TREE)" "$(JOBS)"
.PHONY: mutate
KNOWN += PREFIX DESTDIR LD OBJCOPY
PREFIX := /usr/local
install: $(LIBS)
	@sh platform/linux/install.sh "$(EXE)" "$(DESTDIR)" "$(PREFIX)"
.PHONY: install
lint:
	@sh test/lint.sh
.PHONY: lint
clean:
	rm -rf build libmicrops.a libmicrops.so
	find . -path ./mine -prune -o -name '*.exe' -exec rm -f {} +

# A misspelt variable is an error: with SAN=adress or STEPS=14, make would run the wrong tests.
GIVEN := $(foreach name,$(.VARIABLES),$(if $(findstring command,$(origin $(name))),$(name)))
$(foreach name,$(filter-out $(KNOWN),$(GIVEN)),$(error unknown variable $(name): known are $(KNOWN)))
$(foreach word,$(filter-out address thread fuzz cover,$(SAN)),$(error SAN=$(word): address or thread))

-include $(shell find $(B) -name '*.d' 2>/dev/null)
.PHONY: all build clean
.SECONDARY:
