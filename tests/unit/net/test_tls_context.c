/* tests/unit/net/test_tls_context.c - certificates: reading them, choosing by name, reading them
 * again; versions, protocols and the clients' certificates.
 *
 * SPDX-License-Identifier: MIT
 */
#include "tls_pair.h"

#include <fcntl.h>

/* --- Reading --- */

static int try(const struct tls_options *o, const char *hint)
{
    char why[ATR_WHY_MAX] = "";
    struct tls_context *c = NULL;
    int err = tls_context_new(&c, o, why);

    if (err == 0)
        tls_context_free(c);
    else if (!strstr(why, hint))
        fail_msg("no \"%s\" in: %s", hint, why);
    return err;
}

static void what_cannot_be_read_is_named(void **state)
{
    struct tls_options o = tls_options();
    (void)state;

    o.cert = certs_path(&certs, "absent.crt");
    assert_int_equal(try(&o, "absent.crt: No such file"), ATR_ESYNTAX);
    o = tls_options();
    o.key = certs_path(&certs, "absent.key");
    assert_int_equal(try(&o, "absent.key: No such file"), ATR_ESYNTAX);
    certs_write(&certs, "text.crt", "no certificate\n");
    o = tls_options();
    o.cert = certs_path(&certs, "text.crt");
    assert_int_equal(try(&o, "cannot read a certificate"), ATR_ESYNTAX);
    o = tls_options();
    o.key = NULL; /* then it is looked for in the certificate's file */
    assert_int_equal(try(&o, "server.crt"), ATR_ESYNTAX);
}

static void a_key_of_another_certificate_is_refused(void **state)
{
    struct tls_options o = tls_options();
    (void)state;

    cert_make(&certs, "other", &(struct cert){ .common_name = "other" });
    o.key = certs_path(&certs, "other.key");
    assert_int_equal(try(&o, "does not belong to"), ATR_ESYNTAX);
}

/* Nobody is asked for it at the terminal. */
static void a_key_with_a_passphrase_is_refused(void **state)
{
    struct tls_options o = tls_options();
    (void)state;

    cert_make(&certs, "server", &(struct cert){ .common_name = "x", .passphrase = "secret" });
    assert_int_equal(try(&o, "cannot read a private key"), ATR_ESYNTAX);
}

static void authorities_must_be_readable(void **state)
{
    struct tls_options o = tls_options();
    (void)state;

    o.ca = certs_path(&certs, "absent.pem");
    assert_int_equal(try(&o, ""), 0); /* not needed */
    o.client_cert = TLS_CLIENT_REQUIRE;
    assert_int_equal(try(&o, "absent.pem"), ATR_ESYNTAX);
    o.ca = NULL;
    assert_int_equal(try(&o, ""), 0);
}

static void a_bad_host_is_named(void **state)
{
    struct tls_options o = tls_options();
    struct tls_host hosts[] = { { "chat.test", o.cert, o.key }, { "bad.test", "nowhere", NULL } };
    (void)state;

    o.hosts = hosts;
    o.host_count = 2;
    assert_int_equal(try(&o, "bad.test: "), ATR_ESYNTAX);
}

/* --- Names --- */

/* Which of the certificates made here a client gets that asks for `name` (NULL: for none). */
static const char *shown(const char *name)
{
    static char text[64];
    struct tls_pair t;

    tls_pair_open(&t, 0);
    if (name)
        SSL_set_tlsext_host_name(t.client, name);
    assert_int_equal(tls_pair_shake(&t), 1);
    X509 *cert = SSL_get0_peer_certificate(t.client);
    X509_NAME_get_text_by_NID(X509_get_subject_name(cert), NID_commonName, text, sizeof text);
    tls_pair_close(&t);
    return text;
}

static void the_name_chooses_the_certificate(void **state)
{
    struct tls_options o = tls_options();
    (void)state;

    cert_make(&certs, "chat", &(struct cert){ .common_name = "chat" });
    cert_make(&certs, "star", &(struct cert){ .common_name = "star" });
    struct tls_host hosts[] = {
        { "chat.test", certs_path(&certs, "chat.crt"), certs_path(&certs, "chat.key") },
        { "*.games.test", certs_path(&certs, "star.crt"), certs_path(&certs, "star.key") },
    };
    o.hosts = hosts;
    o.host_count = 2;
    context_open(&o);
    assert_string_equal(shown(NULL), "localhost");
    assert_string_equal(shown("chat.test"), "chat");
    assert_string_equal(shown("CHAT.test"), "chat");
    assert_string_equal(shown("a.chat.test"), "localhost");
    assert_string_equal(shown("unknown.test"), "localhost");
    assert_string_equal(shown("one.games.test"), "star");
    assert_string_equal(shown("a.one.games.test"), "localhost");
    assert_string_equal(shown("games.test"), "localhost");
}

/* --- Protocols and versions --- */

static int shake_with_protocols(const char *offered, size_t n, str *chosen)
{
    struct tls_pair t;
    const unsigned char *p;
    static char copy[16];
    unsigned len;

    tls_pair_open(&t, 0);
    if (n)
        assert_int_equal(SSL_set_alpn_protos(t.client, (const unsigned char *)offered, (unsigned)n),
                         0);
    int done = tls_pair_shake(&t);
    SSL_get0_alpn_selected(t.client, &p, &len);
    assert_true(len < sizeof copy);
    if (len)
        memcpy(copy, p, len);
    *chosen = str_n(copy, len);
    tls_pair_close(&t);
    return done;
}

static void http_1_1_is_what_we_speak(void **state)
{
    struct tls_options o = tls_options();
    str chosen;
    (void)state;

    context_open(&o);
    assert_int_equal(shake_with_protocols("\x02h2\x08http/1.1", 12, &chosen), 1);
    assert_str(chosen, "http/1.1");
    assert_int_equal(shake_with_protocols("", 0, &chosen), 1);
    assert_str(chosen, "");
    assert_int_equal(shake_with_protocols("\x02h2", 3, &chosen), 0);
    assert_int_equal(tls_stats.handshake_failures, 1);
}

static int shake_with_version(int version)
{
    struct tls_pair t;

    tls_pair_open(&t, 0);
    SSL_set_security_level(t.client, 0);
    SSL_set_min_proto_version(t.client, TLS1_VERSION);
    SSL_set_max_proto_version(t.client, version);
    int done = tls_pair_shake(&t);
    tls_pair_close(&t);
    return done;
}

static void old_versions_are_refused(void **state)
{
    struct tls_options o = tls_options();
    char why[ATR_WHY_MAX];
    (void)state;

    context_open(&o);
    assert_int_equal(shake_with_version(TLS1_1_VERSION), 0);
    assert_int_equal(shake_with_version(TLS1_2_VERSION), 1);
    o.tls13_only = true;
    assert_int_equal(tls_context_reload(context, &o, why), 0);
    assert_int_equal(shake_with_version(TLS1_2_VERSION), 0);
    assert_int_equal(shake_with_version(TLS1_3_VERSION), 1);
}

/* --- Reading again --- */

static void new_handshakes_get_the_new_certificate(void **state)
{
    struct tls_options o = tls_options();
    struct tls_pair old;
    char why[ATR_WHY_MAX], in[8];
    (void)state;

    context_open(&o);
    tls_pair_open(&old, 0);
    assert_int_equal(tls_pair_shake(&old), 1);
    assert_false(tls_context_changed(context));
    cert_make(&certs, "server", &(struct cert){ .common_name = "renewed" });
    assert_true(tls_context_changed(context));
    assert_string_equal(shown(NULL), "localhost");
    assert_int_equal(tls_context_reload(context, &o, why), 0);
    assert_false(tls_context_changed(context));
    assert_string_equal(shown(NULL), "renewed");

    stream_write(old.p.stream, STR("still"));
    pair_turn();
    assert_int_equal(tls_pair_hear(&old, in, sizeof in), 5);
    tls_pair_close(&old);
}

/* A handshake that has begun goes on with the certificate it began with. */
static void a_handshake_under_way_survives(void **state)
{
    struct tls_options o = tls_options();
    struct tls_pair t;
    char why[ATR_WHY_MAX];
    (void)state;

    context_open(&o);
    tls_pair_open(&t, 0);
    (void)SSL_do_handshake(t.client);
    cert_make(&certs, "server", &(struct cert){ .common_name = "renewed" });
    assert_int_equal(tls_context_reload(context, &o, why), 0);
    assert_int_equal(tls_pair_shake(&t), 1);
    tls_pair_close(&t);
}

/* Files are seldom replaced all at once: the one that is there first does no harm. */
static void a_failed_load_changes_nothing(void **state)
{
    struct tls_options o = tls_options();
    char why[ATR_WHY_MAX];
    (void)state;

    context_open(&o);
    certs_write(&certs, "server.crt", "half a certif");
    assert_true(tls_context_changed(context));
    assert_true(tls_context_reload(context, &o, why) < 0);
    assert_false(tls_context_changed(context)); /* not tried again and again */
    assert_string_equal(shown(NULL), "localhost");
    assert_int_equal(unlink(certs_path(&certs, "server.crt")), 0);
    assert_true(tls_context_changed(context));
    cert_make(&certs, "server", &(struct cert){ .common_name = "whole" });
    assert_true(tls_context_changed(context));
    assert_int_equal(tls_context_reload(context, &o, why), 0);
    assert_string_equal(shown(NULL), "whole");
}

/* --- Tickets --- */

static SSL_SESSION *kept_session;

static int keep_session(SSL *ssl, SSL_SESSION *session)
{
    (void)ssl;
    SSL_SESSION_free(kept_session);
    kept_session = session;
    return 1;
}

static bool resumes(int version)
{
    struct tls_pair t;
    char in[8];

    tls_pair_open(&t, 0);
    SSL_set_max_proto_version(t.client, version);
    if (kept_session)
        SSL_set_session(t.client, kept_session);
    assert_int_equal(tls_pair_shake(&t), 1);
    (void)tls_pair_hear(&t, in, sizeof in); /* TLS 1.3: tickets come behind the handshake */
    bool resumed = SSL_session_reused(t.client);
    SSL_set_shutdown(t.client, SSL_SENT_SHUTDOWN); /* or freeing it would spoil the session */
    tls_pair_close(&t);
    return resumed;
}

static void sessions_resume_until_the_next_load(void **state)
{
    static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };
    struct tls_options o = tls_options();
    char why[ATR_WHY_MAX];
    (void)state;

    SSL_CTX_set_session_cache_mode(client_context, SSL_SESS_CACHE_CLIENT);
    SSL_CTX_sess_set_new_cb(client_context, keep_session);
    o.client_cert = TLS_CLIENT_REQUEST; /* which needs a session id context */
    context_open(&o);
    for (int i = 0; i < 2; i++) {
        tls_stats.resumed = 0;
        assert_false(resumes(versions[i]));
        assert_non_null(kept_session);
        assert_true(resumes(versions[i]));
        assert_int_equal(tls_stats.resumed, 1);
        assert_int_equal(tls_context_reload(context, &o, why), 0);
        assert_false(resumes(versions[i]));
        SSL_SESSION_free(kept_session);
        kept_session = NULL;
    }
}

/* --- Certificates of clients --- */

/* Returns whether the server took the client in; its view of the subject in out. */
static bool visit(const char *name, char *out, bool *verified)
{
    struct tls_pair t;

    tls_pair_open(&t, 0);
    if (name) {
        char file[64];
        (void)snprintf(file, sizeof file, "%s.crt", name);
        SSL_use_certificate_file(t.client, certs_path(&certs, file), SSL_FILETYPE_PEM);
        (void)snprintf(file, sizeof file, "%s.key", name);
        SSL_use_PrivateKey_file(t.client, certs_path(&certs, file), SSL_FILETYPE_PEM);
    }
    (void)tls_pair_shake(&t);
    bool in = t.p.stream != NULL;
    out[0] = 0;
    *verified = false;
    if (in) {
        size_t n = tls_stream_subject(t.p.stream, out, verified);
        assert_int_equal(n, strlen(out));
    }
    tls_pair_close(&t);
    return in;
}

static void clients_show_certificates(void **state)
{
    char who[TLS_SUBJECT_MAX + 1], why[ATR_WHY_MAX];
    struct tls_options o = tls_options();
    bool verified;
    (void)state;

    cert_make(&certs, "ca", &(struct cert){ .common_name = "Authority", .authority = true });
    cert_make(&certs, "ann", &(struct cert){ .common_name = "Änn, tester", .issuer = "ca" });
    cert_make(&certs, "eve", &(struct cert){ .common_name = "eve" });
    o.ca = certs_path(&certs, "ca.crt");
    context_open(&o);
    assert_true(visit("ann", who, &verified)); /* not asked for */
    assert_string_equal(who, "");
    assert_false(verified);

    o.client_cert = TLS_CLIENT_REQUEST;
    assert_int_equal(tls_context_reload(context, &o, why), 0);
    assert_true(visit(NULL, who, &verified));
    assert_string_equal(who, "");
    assert_false(verified);
    assert_true(visit("ann", who, &verified));
    assert_string_equal(who, "CN=Änn\\, tester,O=Atrium tests");
    assert_true(verified);
    assert_true(visit("eve", who, &verified));
    assert_string_equal(who, "CN=eve,O=Atrium tests");
    assert_false(verified);

    o.client_cert = TLS_CLIENT_REQUIRE;
    assert_int_equal(tls_context_reload(context, &o, why), 0);
    assert_false(visit(NULL, who, &verified));
    assert_false(visit("eve", who, &verified));
    assert_int_equal(tls_stats.handshake_failures, 2);
    assert_true(visit("ann", who, &verified));
    assert_true(verified);
}

/* Who resumes is who they were. */
static void a_resumed_session_keeps_its_certificate(void **state)
{
    static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };
    char who[TLS_SUBJECT_MAX + 1], in[8];
    struct tls_options o = tls_options();
    bool verified;
    (void)state;

    cert_make(&certs, "ca", &(struct cert){ .common_name = "Authority", .authority = true });
    cert_make(&certs, "ann", &(struct cert){ .common_name = "ann", .issuer = "ca" });
    SSL_CTX_set_session_cache_mode(client_context, SSL_SESS_CACHE_CLIENT);
    SSL_CTX_sess_set_new_cb(client_context, keep_session);
    o.ca = certs_path(&certs, "ca.crt");
    o.client_cert = TLS_CLIENT_REQUIRE;
    context_open(&o);
    for (int i = 0; i < 4; i++) {
        struct tls_pair t;
        tls_pair_open(&t, 0);
        SSL_set_max_proto_version(t.client, versions[i / 2]);
        SSL_use_certificate_file(t.client, certs_path(&certs, "ann.crt"), SSL_FILETYPE_PEM);
        SSL_use_PrivateKey_file(t.client, certs_path(&certs, "ann.key"), SSL_FILETYPE_PEM);
        if (i % 2)
            SSL_set_session(t.client, kept_session);
        assert_int_equal(tls_pair_shake(&t), 1);
        (void)tls_pair_hear(&t, in, sizeof in);
        assert_int_equal(SSL_session_reused(t.client), i % 2);
        assert_int_equal(tls_stream_subject(t.p.stream, who, &verified), 21);
        assert_string_equal(who, "CN=ann,O=Atrium tests");
        assert_true(verified);
        SSL_set_shutdown(t.client, SSL_SENT_SHUTDOWN);
        tls_pair_close(&t);
    }
    SSL_SESSION_free(kept_session);
    kept_session = NULL;
}

TEST_MAIN(TLS_TEST(what_cannot_be_read_is_named), TLS_TEST(a_key_of_another_certificate_is_refused),
          TLS_TEST(a_key_with_a_passphrase_is_refused), TLS_TEST(authorities_must_be_readable),
          TLS_TEST(a_bad_host_is_named), TLS_TEST(the_name_chooses_the_certificate),
          TLS_TEST(http_1_1_is_what_we_speak), TLS_TEST(old_versions_are_refused),
          TLS_TEST(new_handshakes_get_the_new_certificate),
          TLS_TEST(a_handshake_under_way_survives), TLS_TEST(a_failed_load_changes_nothing),
          TLS_TEST(sessions_resume_until_the_next_load), TLS_TEST(clients_show_certificates),
          TLS_TEST(a_resumed_session_keeps_its_certificate))
