/* Latencies, counted by the microsecond. */
#include <stdlib.h>
#include <string.h>

#include "loadgen.h"

enum { BUCKETS = 1 << 21 }; /* two seconds; what takes longer counts as that */
static uint32_t counts[BUCKETS];

void latency_reset(void) { memset(counts, 0, sizeof counts); }

void latency_add(uint64_t nanoseconds) {
    uint64_t us = nanoseconds / 1000;
    counts[us < BUCKETS ? us : BUCKETS - 1]++;
}

double latency_us(double share) {
    uint64_t total = 0, seen = 0;
    for (int i = 0; i < BUCKETS; i++) total += counts[i];
    uint64_t wanted = (uint64_t)((double)total * share);
    for (int i = 0; i < BUCKETS; i++) {
        seen += counts[i];
        if (seen > wanted) return i;
    }
    return 0;
}
