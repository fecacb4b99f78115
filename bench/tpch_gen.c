/* tpch_gen.c - writes TPC-H-like tables: `tpch_gen SCALE DIR` makes DIR/<table>.csv, '|' between
 * columns, no header.
 *
 * Row counts, key ranges, correlations of dates and the value lists that the 22 queries ask for are
 * those of the specification; texts are words drawn from a short list. The same scale gives the
 * same bytes. */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"

static uint64_t state = 88172645463325252ULL;

static uint64_t next_random(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

/* In [from, to]. */
static int64_t between(int64_t from, int64_t to)
{
    return from + (int64_t)(next_random() % (uint64_t)(to - from + 1));
}

#define PICK(list) (list)[next_random() % LUMA_ARRAY_LEN(list)]

static const char *const REGIONS[] = {"AFRICA", "AMERICA", "ASIA", "EUROPE", "MIDDLE EAST"};
static const struct {
    const char *name;
    int region;
} NATIONS[] = {{"ALGERIA", 0},      {"ARGENTINA", 1}, {"BRAZIL", 1}, {"CANADA", 1},
               {"EGYPT", 4},        {"ETHIOPIA", 0},  {"FRANCE", 3}, {"GERMANY", 3},
               {"INDIA", 2},        {"INDONESIA", 2}, {"IRAN", 4},   {"IRAQ", 4},
               {"JAPAN", 2},        {"JORDAN", 4},    {"KENYA", 0},  {"MOROCCO", 0},
               {"MOZAMBIQUE", 0},   {"PERU", 1},      {"CHINA", 2},  {"ROMANIA", 3},
               {"SAUDI ARABIA", 4}, {"VIETNAM", 2},   {"RUSSIA", 3}, {"UNITED KINGDOM", 3},
               {"UNITED STATES", 1}};
static const char *const WORDS[] = {
    "accounts",  "packages",     "ideas",   "foxes",   "deposits",  "theodolites", "requests",
    "pinto",     "beans",        "quickly", "slyly",   "carefully", "furiously",   "express",
    "regular",   "special",      "unusual", "ironic",  "final",     "bold",        "even",
    "silent",    "pending",      "sleep",   "haggle",  "nag",       "wake",        "cajole",
    "integrate", "instructions", "above",   "against", "along",     "among"};
static const char *const COLORS[] = {
    "almond", "antique", "aquamarine", "azure",   "beige",     "bisque",   "black",     "blanched",
    "blue",   "blush",   "brown",      "chiffon", "chocolate", "coral",    "cornsilk",  "cream",
    "cyan",   "dark",    "deep",       "dim",     "dodger",    "drab",     "firebrick", "floral",
    "forest", "frosted", "gainsboro",  "ghost",   "goldenrod", "green",    "grey",      "honeydew",
    "hot",    "indian",  "ivory",      "khaki",   "lace",      "lavender", "lawn",      "lemon",
    "light",  "lime",    "linen",      "magenta", "maroon",    "medium",   "metallic",  "midnight"};
static const char *const TYPE_A[] = {"STANDARD", "SMALL", "MEDIUM", "LARGE", "ECONOMY", "PROMO"};
static const char *const TYPE_B[] = {"ANODIZED", "BURNISHED", "PLATED", "POLISHED", "BRUSHED"};
static const char *const TYPE_C[] = {"TIN", "NICKEL", "BRASS", "STEEL", "COPPER"};
static const char *const BOX_A[] = {"SM", "LG", "MED", "JUMBO", "WRAP"};
static const char *const BOX_B[] = {"CASE", "BOX", "BAG", "JAR", "PKG", "PACK", "CAN", "DRUM"};
static const char *const SEGMENTS[] = {"AUTOMOBILE", "BUILDING", "FURNITURE", "MACHINERY",
                                       "HOUSEHOLD"};
static const char *const PRIORITIES[] = {"1-URGENT", "2-HIGH", "3-MEDIUM", "4-NOT SPECIFIED",
                                         "5-LOW"};
static const char *const MODES[] = {"REG AIR", "AIR",  "RAIL", "SHIP",
                                    "TRUCK",   "MAIL", "FOB",  "AIR REG"};
static const char *const INSTRUCTIONS[] = {"DELIVER IN PERSON", "COLLECT COD", "NONE",
                                           "TAKE BACK RETURN"};

static FILE *open_table(const char *dir, const char *name)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s.csv", dir, name);
    FILE *f = fopen(path, "w");
    if (!f) {
        perror(path);
        exit(1);
    }
    setvbuf(f, NULL, _IOFBF, 1 << 20);
    return f;
}

/* A text of `from` to `to` characters. */
static const char *words(int from, int to)
{
    static char text[512];
    size_t want = (size_t)between(from, to);
    size_t len = 0;
    while (len < want)
        len += (size_t)snprintf(text + len, sizeof text - len, "%s%s", len ? " " : "", PICK(WORDS));
    text[want] = 0;
    if (text[want - 1] == ' ')
        text[want - 1] = 'x';
    return text;
}

static void put_money(FILE *f, int64_t cents)
{
    uint64_t size = (uint64_t)llabs(cents);
    fprintf(f, "%s%llu.%02llu", cents < 0 ? "-" : "", (unsigned long long)(size / 100),
            (unsigned long long)(size % 100));
}

static void put_phone(FILE *f, int64_t nation)
{
    fprintf(f, "%lld-%lld-%lld-%lld", (long long)(nation + 10), (long long)between(100, 999),
            (long long)between(100, 999), (long long)between(1000, 9999));
}

/* Days after 1992-01-01. */
static void put_date(FILE *f, int64_t day)
{
    static const int month_days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int year = 1992;
    for (;; year++) {
        int days = year % 4 == 0 ? 366 : 365;
        if (day < days)
            break;
        day -= days;
    }
    int month = 0;
    for (;; month++) {
        int days = month_days[month] + (month == 1 && year % 4 == 0);
        if (day < days)
            break;
        day -= days;
    }
    fprintf(f, "%04d-%02d-%02d", year, month + 1, (int)day + 1);
}

static int64_t retail_cents(int64_t part)
{
    return 90000 + part / 10 % 20001 + 100 * (part % 1000);
}

static int64_t supplier_of(int64_t part, int64_t nth, int64_t suppliers)
{
    return (part + nth * (suppliers / 4 + (part - 1) / suppliers)) % suppliers + 1;
}

static void small_tables(const char *dir)
{
    FILE *f = open_table(dir, "region");
    for (size_t i = 0; i < LUMA_ARRAY_LEN(REGIONS); i++)
        fprintf(f, "%zu|%s|%s\n", i, REGIONS[i], words(20, 60));
    fclose(f);
    f = open_table(dir, "nation");
    for (size_t i = 0; i < LUMA_ARRAY_LEN(NATIONS); i++)
        fprintf(f, "%zu|%s|%d|%s\n", i, NATIONS[i].name, NATIONS[i].region, words(20, 60));
    fclose(f);
}

static void suppliers_table(const char *dir, int64_t count)
{
    FILE *f = open_table(dir, "supplier");
    for (int64_t i = 1; i <= count; i++) {
        int64_t nation = between(0, 24);
        fprintf(f, "%lld|Supplier#%09lld|", (long long)i, (long long)i);
        fprintf(f, "%s|%lld|", words(10, 40), (long long)nation);
        put_phone(f, nation);
        fputc('|', f);
        put_money(f, between(-99999, 999999));
        if (i % 1000 == 15)
            fprintf(f, "|%s Customer slow Complaints\n", words(10, 30));
        else
            fprintf(f, "|%s\n", words(25, 80));
    }
    fclose(f);
}

static void part_tables(const char *dir, int64_t parts, int64_t suppliers)
{
    FILE *f = open_table(dir, "part");
    FILE *g = open_table(dir, "partsupp");
    for (int64_t i = 1; i <= parts; i++) {
        int64_t maker = between(1, 5);
        fprintf(f, "%lld|%s %s %s %s %s|", (long long)i, PICK(COLORS), PICK(COLORS), PICK(COLORS),
                PICK(COLORS), PICK(COLORS));
        fprintf(f, "Manufacturer#%lld|Brand#%lld%lld|", (long long)maker, (long long)maker,
                (long long)between(1, 5));
        fprintf(f, "%s %s %s|%lld|", PICK(TYPE_A), PICK(TYPE_B), PICK(TYPE_C),
                (long long)between(1, 50));
        fprintf(f, "%s %s|", PICK(BOX_A), PICK(BOX_B));
        put_money(f, retail_cents(i));
        fprintf(f, "|%s\n", words(5, 22));
        for (int64_t s = 0; s < 4; s++) {
            fprintf(g, "%lld|%lld|%lld|", (long long)i, (long long)supplier_of(i, s, suppliers),
                    (long long)between(1, 9999));
            put_money(g, between(100, 100000));
            fprintf(g, "|%s\n", words(20, 100));
        }
    }
    fclose(f);
    fclose(g);
}

static void customers_table(const char *dir, int64_t count)
{
    FILE *f = open_table(dir, "customer");
    for (int64_t i = 1; i <= count; i++) {
        int64_t nation = between(0, 24);
        fprintf(f, "%lld|Customer#%09lld|", (long long)i, (long long)i);
        fprintf(f, "%s|%lld|", words(10, 40), (long long)nation);
        put_phone(f, nation);
        fputc('|', f);
        put_money(f, between(-99999, 999999));
        fprintf(f, "|%s|%s\n", PICK(SEGMENTS), words(29, 100));
    }
    fclose(f);
}

enum { LAST_ORDER_DAY = 2405, TODAY = 1263 }; /* 1998-08-02, 1995-06-17 */

typedef struct Scale {
    int64_t parts;
    int64_t suppliers;
    int64_t customers;
    int64_t orders;
} Scale;

typedef struct Order {
    int64_t key;
    int64_t day;
    int64_t total_cents;
    int lines;
    int shipped;
} Order;

static void put_line(FILE *g, const Scale *scale, Order *o, int64_t line)
{
    int64_t part = between(1, scale->parts);
    int64_t quantity = between(1, 50);
    int64_t price = quantity * retail_cents(part);
    int64_t discount = between(0, 10);
    int64_t tax = between(0, 8);
    int64_t ship = o->day + between(1, 121);
    int64_t commit = o->day + between(30, 90);
    int64_t receipt = ship + between(1, 30);
    o->total_cents += price * (100 - discount) / 100 * (100 + tax) / 100;
    o->shipped += ship <= TODAY;
    fprintf(g, "%lld|%lld|%lld|%lld|%lld.00|", (long long)o->key, (long long)part,
            (long long)supplier_of(part, between(0, 3), scale->suppliers), (long long)line,
            (long long)quantity);
    put_money(g, price);
    fprintf(g, "|0.%02lld|0.%02lld|%s|%s|", (long long)discount, (long long)tax,
            receipt <= TODAY ? (between(0, 1) ? "R" : "A") : "N", ship <= TODAY ? "F" : "O");
    put_date(g, ship);
    fputc('|', g);
    put_date(g, commit);
    fputc('|', g);
    put_date(g, receipt);
    fprintf(g, "|%s|%s|%s\n", PICK(INSTRUCTIONS), PICK(MODES), words(10, 43));
}

static void order_tables(const char *dir, const Scale *scale)
{
    FILE *f = open_table(dir, "orders");
    FILE *g = open_table(dir, "lineitem");
    for (int64_t i = 0; i < scale->orders; i++) {
        Order o = {.key = i / 8 * 32 + i % 8 + 1, .day = between(0, LAST_ORDER_DAY)};
        int64_t customer;
        do /* a third of the customers never order */
            customer = between(1, scale->customers);
        while (customer % 3 == 0);
        o.lines = (int)between(1, 7);
        for (int line = 1; line <= o.lines; line++)
            put_line(g, scale, &o, line);
        fprintf(f, "%lld|%lld|%s|", (long long)o.key, (long long)customer,
                o.shipped == o.lines ? "F"
                : o.shipped          ? "P"
                                     : "O");
        put_money(f, o.total_cents);
        fputc('|', f);
        put_date(f, o.day);
        fprintf(f, "|%s|Clerk#%09lld|0|%s\n", PICK(PRIORITIES),
                (long long)between(1, LUMA_MAX(scale->orders / 1500, (int64_t)1)), words(19, 78));
    }
    fclose(f);
    fclose(g);
}

int main(int argc, char **argv)
{
    if (argc != 3 || strtod(argv[1], NULL) <= 0) {
        fprintf(stderr, "usage: tpch_gen SCALE DIR\n");
        return 2;
    }
    double factor = strtod(argv[1], NULL);
    Scale scale = {(int64_t)(200000 * factor), (int64_t)(10000 * factor),
                   (int64_t)(150000 * factor), (int64_t)(1500000 * factor)};
    small_tables(argv[2]);
    suppliers_table(argv[2], scale.suppliers);
    part_tables(argv[2], scale.parts, scale.suppliers);
    customers_table(argv[2], scale.customers);
    order_tables(argv[2], &scale);
    return 0;
}
