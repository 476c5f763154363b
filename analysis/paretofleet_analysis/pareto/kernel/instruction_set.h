/* Everything that is compiled once per instruction set; kernel.c defines INSTRUCTION_SET and TARGET beforehand. */
#include "lanes.h"

#include "walk.h"

#include "answers.h"

#include "shared_beats.h"
