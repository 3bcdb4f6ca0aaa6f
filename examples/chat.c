/* examples/chat.c - the server of the Socket.IO tutorial in C: a chat with rooms, kept in SQLite.
 *
 *     cc -o chat chat.c $(pkg-config --cflags --libs atrium) && ./chat 3000 chat.db page
 *
 * A client's auth says which room it wants and, in serverOffset, the last message it has. Repeats
 * of a message share its clientOffset: it is stored and sent once. The database makes the JSON.
 *
 * SPDX-License-Identifier: MIT
 */
#include <atrium/atrium.h>
#include <stdio.h>
#include <stdlib.h>

static atr_namespace *everyone;
static atr_sqlite *db;

struct job { /* waits for the database; the socket may leave meanwhile: there is only its ref */
    atr_ref socket;
    int64_t ack;
    char room[65], text[2001], offset[129];
};

static struct job *job_new(atr_socket *s, int64_t ack)
{
    struct job *j = calloc(1, sizeof *j);
    atr_str room = atr_json_get(atr_socket_auth(s), ATR_STR("room"));

    if (!j)
        abort();
    j->socket = atr_socket_ref(s);
    j->ack = ack;
    if (atr_json_string(room, j->room, sizeof j->room) < 1)
        snprintf(j->room, sizeof j->room, "lobby");
    return j;
}

static void on_stored(void *user, int err, const char *why, const atr_rows *rows)
{
    struct job *j = user;
    atr_socket *sender = atr_socket_find(atr_namespace_io(everyone), j->socket);
    atr_str room = atr_text(j->room);

    if (err < 0)
        fprintf(stderr, "%s\n", why);      /* and no answer: the client tries again */
    if (err == 0 && rows->row_count > 0) { /* else a repeat */
        atr_data d = { .json = rows->cells[0].bytes };
        atr_emit(everyone, &(atr_target){ .rooms = &room, .room_count = 1 }, &d);
    }
    if (err == 0 && sender && j->ack >= 0)
        atr_socket_ack_text(sender, j->ack, NULL);
    free(j);
}

static void on_message(void *sql, atr_socket *s, const atr_event *e)
{
    struct job *j = job_new(s, e->ack);
    int bad = atr_event_text(e, 0, j->text, sizeof j->text) < 1 ||
              atr_event_text(e, 1, j->offset, sizeof j->offset) < 1;
    atr_cell row[] = { atr_cell_text(j->room), atr_cell_text(j->text), atr_cell_text(j->offset) };

    if (bad || atr_sqlite_query(db, atr_text(sql), row, 3, on_stored, j) < 0)
        free(j); /* no chat message, or too busy: no answer */
}

/* The room is joined only now: what was stored before is in these rows, what is stored later will
 * be sent later. Nothing is missed, nothing comes twice. */
static void on_history(void *user, int err, const char *why, const atr_rows *rows)
{
    struct job *j = user;
    atr_socket *s = atr_socket_find(atr_namespace_io(everyone), j->socket);

    for (size_t i = 0; err == 0 && s && i < rows->row_count; i++) {
        atr_data d = { .json = rows->cells[i].bytes };
        atr_socket_emit(s, &d, 0);
    }
    if (err < 0 || (s && atr_socket_join(s, atr_text(j->room)) < 0))
        fprintf(stderr, "no history: %s\n", why);
    free(j);
}

static void on_connection(void *sql, atr_socket *s)
{
    struct job *j = job_new(s, -1);
    atr_cell row[] = { atr_cell_text(j->room), atr_cell_integer(0) };

    atr_json_integer(atr_json_get(atr_socket_auth(s), ATR_STR("serverOffset")), &row[1].integer);
    if (atr_sqlite_query(db, atr_text(sql), row, 2, on_history, j) < 0)
        free(j);
}

int main(int argc, char **argv)
{
    static char create[] = "CREATE TABLE IF NOT EXISTS messages "
                           "(id INTEGER PRIMARY KEY, room, text, offset UNIQUE)";
    static char select[] = "SELECT json_array('chat message', text, id) FROM messages "
                           "WHERE room = ? AND id > ? ORDER BY id";
    static char insert[] = "INSERT OR IGNORE INTO messages (room, text, offset) VALUES (?, ?, ?) "
                           "RETURNING json_array('chat message', text, id)";
    static const atr_namespace_handlers handlers = { .on_connection = on_connection };
    char why[ATR_WHY_BYTES] = "usage: chat PORT DATABASE FOLDER";
    atr_app *app = atr_app_new(NULL);
    int failed = !app || argc != 4;

    if (!failed) {
        db = atr_sqlite_open(app, atr_text(argv[2]));
        atr_sqlite_query(db, atr_text(create), NULL, 0, NULL, NULL);
        everyone = atr_io_of(atr_app_io(app), ATR_STR("/"));
        atr_namespace_handle(everyone, &handlers, select);
        atr_namespace_on(everyone, ATR_STR("chat message"), on_message, insert);
        failed = atr_http_static(app, ATR_STR("/"), argv[3], 0, why) < 0 ||
                 atr_app_listen(app, NULL, (uint16_t)atoi(argv[1]), why) < 0 ||
                 atr_app_handle_signals(app) < 0;
    }
    fprintf(failed ? stderr : stdout, "%s\n", failed ? why : atr_app_url(app));
    fflush(stdout);
    failed = failed || atr_app_run(app) < 0;
    atr_app_free(app);
    return failed;
}
