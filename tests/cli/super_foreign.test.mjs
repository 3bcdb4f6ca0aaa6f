// Whoever types a command of PM2 finds it, or is told what to use instead. The list is that of pm2 7.0.4
// (lib/binaries/CLI.js), aliases included, and what older versions and its documentation have besides.
import assert from "node:assert/strict";
import { test } from "node:test";
import { withSuper } from "../chaos/support/super.mjs";

const have = `start startOrRestart startOrReload startOrGracefulReload pid stop restart scale reload id inspect delete del
  sendSignal ping save dump resurrect startup unstartup reset describe desc info show env list ls l ps status jlist monit
  imonit dashboard dash flush reloadLogs logs kill gracefulReload softReload update updatePM2`;

const instead = {
  "trigger send attach": /signal SIGNAL|--follow/,
  "deploy pull forward backward": /git or rsync/,
  "create ecosystem init examples": /atrium\.yaml by hand/,
  "profile:mem profile:cpu": /perf/,
  deepUpdate: /atrium update/,
  "install module:install module:update module:generate uninstall module:uninstall package publish module:publish logrotate": /no modules/,
  "set multiset get conf unset": /atrium\.yaml/,
  "report slist sysinfos sysmonit prettylist": /atrium jlist/,
  "link unlink monitor unmonitor open plus register login logout interact": /no cloud/,
  "cleardump backup": /dump\.json/,
  "serve expose": /atrium\.static/,
  autoinstall: /atrium start/,
  "install-otel uninstall-otel": /OpenTelemetry/,
  web: /jlist/,
  reloadAll: /atrium reload all/,
  restartAll: /atrium restart all/,
  stopAll: /atrium stop all/,
  deleteAll: /atrium delete all/,
};

test("every command of PM2 is there, or says what to use instead and fails", withSuper(async (s) => {
  for (const name of have.split(/\s+/)) {
    const done = await s.start([name, "--help"]).done;
    assert.equal(done.status, 0, `${name}: ${done.stderr}`);
    assert.match(done.stdout, /^atrium \w+ /, name);
  }
  for (const [names, says] of Object.entries(instead))
    for (const name of names.split(" ")) {
      const done = await s.start([name, "x", "--flag", "y"]).done;
      assert.equal(done.status, 1, name);
      assert.match(done.stderr, new RegExp(`^atrium: ${name} is a command of PM2 that Atrium does not have: `));
      assert.match(done.stderr, says);
    }
  // "config" is another command here, which prints settings.
  assert.match((await s.start(["config"]).done).stdout, /^port /m);
  const unknown = await s.start(["nonsense"]).done;
  assert.equal(unknown.status, 2);
  assert.match(unknown.stderr, /unknown command "nonsense"/);
}));
