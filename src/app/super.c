/* app/super.c - the supervisor's commands, with what they need of this layer.
 *
 * SPDX-License-Identifier: MIT
 */
#include "super/super.h"

#include "app/command.h"
#include "app/yaml_text.h"

bool command_is_super(const char *name)
{
    return super_knows(name);
}

int command_super(int argc, char **argv)
{
    static const struct super_outside outside = { .read_yaml = yaml_to_json };

    return super_command(argc, argv, &outside);
}

void command_super_usage(FILE *out)
{
    super_usage(out);
}
