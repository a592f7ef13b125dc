#include "lamina/version.h"
#include <stdio.h>
int
main(void)
{
	(void)puts("lamina " LAMINA_VERSION);
	return 0;
}
