# ladder.sh TREE STEP FOLDER PROGRAM: builds the program that prints the exchange of a step (FOLDER's
# show.c) with the stack in TREE.

set -e
tree=$1 step=$2 folder=$3 program=$4
make -s -C "$tree" build/plain/libsim.a
"${CC:-cc}" -std=gnu11 -O1 -g -Wall -Wextra ${WERROR:+-Werror} -DSTEP="${step#0}" -I "$tree" -I "$tree/platform/linux" \
    -I "$tree/test/sim" -I "$folder/.." -pthread -o "$program" "$folder/show.c" "$folder/../show.c" \
    "$tree/build/plain/libsim.a"
