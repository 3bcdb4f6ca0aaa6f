/* app/yaml_text.h - reading YAML: event by event, or a whole file as JSON text.
 *
 * Plain scalars mean what YAML's core schema says; quoted ones are texts. Aliases are refused.
 * Errors name file and line.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef APP_YAML_TEXT_H
#define APP_YAML_TEXT_H

#include <stdio.h>

#include <yaml.h>

#include "base/buf.h"

struct yaml {
    yaml_parser_t parser;
    FILE *file;
    const char *path;
    char *why;
};

int yaml_open(struct yaml *y, const char *path, char *why) MUST_CHECK;
void yaml_close(struct yaml *y);
int yaml_next(struct yaml *y, yaml_event_t *e) MUST_CHECK;
/* Writes the value that e begins, reading on to its end. */
int yaml_write(struct yaml *y, struct buf *out, const yaml_event_t *e) MUST_CHECK;
/* Puts "file:line: what" into why; returns code. */
int yaml_wrong(struct yaml *y, const yaml_mark_t *mark, int code, const char *what);

/* A file of one document, behind what is in out. */
int yaml_to_json(const char *path, struct buf *out, char *why) MUST_CHECK;

#endif
