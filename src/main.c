#include <stdio.h>

int main(void)
{
    puts("lumadb " LUMADB_VERSION);
    return 0;
}
