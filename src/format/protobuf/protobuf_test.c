#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "format/protobuf/protobuf.h"

static void test_written_fields_read_back(void **state)
{
    CLEANUP(buf_done) Buf out = {0};
    PbField f;
    pb_put_varint(&out, 1, UINT64_MAX);
    pb_put_double(&out, 2, -0.5);
    pb_put_bytes(&out, 500, STR("hello"));
    PbReader r = pb_reader(buf_str(&out));
    assert_true(pb_next(&r, &f));
    assert_int_equal(f.number, 1);
    assert_true(f.value == UINT64_MAX);
    assert_true(pb_next(&r, &f));
    assert_true(pb_double(&f) == -0.5);
    assert_true(pb_next(&r, &f));
    assert_int_equal(f.number, 500);
    assert_true(str_eq(f.bytes, STR("hello")));
    assert_false(pb_next(&r, &f));
    assert_false(r.failed);
}

static void test_every_truncation_fails_or_ends_cleanly(void **state)
{
    CLEANUP(buf_done) Buf out = {0};
    size_t whole[4] = {0};
    pb_put_varint(&out, 1, 300);
    whole[1] = out.len;
    pb_put_double(&out, 2, 1);
    whole[2] = out.len;
    pb_put_bytes(&out, 3, STR("abcdef"));
    whole[3] = out.len;
    for (size_t len = 0; len <= out.len; len++) {
        PbReader r = pb_reader(str_make(out.ptr, len));
        PbField f;
        int fields = 0;
        while (pb_next(&r, &f))
            fields++;
        bool at_boundary = len == 0 || len == whole[1] || len == whole[2] || len == whole[3];
        assert_true(r.failed == !at_boundary);
        assert_true(fields <= 3);
    }
}

static void test_malformed_keys_and_varints_fail(void **state)
{
    static const Str bad[] = {
        STR_INIT("\x00\x01"),                                         /* field number 0 */
        STR_INIT("\x0b\x01"),                                         /* start of a group */
        STR_INIT("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"),     /* over 64 bits */
        STR_INIT("\x08\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01"), /* over ten bytes */
        STR_INIT("\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),     /* length beyond the end */
        STR_INIT("\x80\x80\x80\x80\x80\x01\x01"),                     /* field number over 2^29 */
    };
    for (size_t i = 0; i < LUMA_ARRAY_LEN(bad); i++) {
        PbReader r = pb_reader(bad[i]);
        PbField f;
        assert_false(pb_next(&r, &f));
        assert_true(r.failed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_written_fields_read_back),
        cmocka_unit_test(test_every_truncation_fails_or_ends_cleanly),
        cmocka_unit_test(test_malformed_keys_and_varints_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
