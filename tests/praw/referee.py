"""PRAW as the referee of the fake Reddit: what works here with PRAW works there as it does with Reddit.

    python referee.py http://127.0.0.1:PORT

Needs praw 8 (PyPI). Prints a line for each thing that was found right, and ends with status 1 at the
first that was not. It refuses to speak to any host but this machine.
"""

import json
import os
import socket
import sys
import time
import urllib.request
from urllib.parse import parse_qs, urlparse

os.environ["PRAWCORE_TIMEOUT"] = "3"  # read when prawcore is imported

BASE = sys.argv[1].rstrip("/")
assert urlparse(BASE).hostname == "127.0.0.1", f"{BASE} is not on this machine"

# Whatever a library means to do, nothing leaves this machine.
connect = socket.socket.connect


def connect_here(sock, address):
    if isinstance(address, tuple) and address[0] != "127.0.0.1":
        raise AssertionError(f"a connection to {address} was attempted")
    return connect(sock, address)


socket.socket.connect = connect_here

import praw  # noqa: E402
import prawcore  # noqa: E402
import requests  # noqa: E402
from praw.exceptions import ClientException, RedditAPIException  # noqa: E402

AGENT = "linux:io.github.repartee:v0.1.0 (by /u/repartee_bot)"
SCOPES = ["identity", "read", "submit", "edit", "history"]
browser = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def control(path, body=None):
    """Tells the fake what to do, or asks how it is."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{BASE}/__fake/{path}", data=data)
    try:
        with browser.open(request) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def fail(on, kind, times=1, **more):
    """Lets the next calls go wrong."""
    control("rules", [{"on": on, "fault": {"kind": kind, **more}, "times": times}])


def heal():
    control("rules", [])


def client(**settings):
    session = requests.Session()
    session.trust_env = False  # no proxies, no netrc
    settings = {"client_id": "fake-script", "client_secret": "fake-secret", **settings}
    return praw.Reddit(
        user_agent=AGENT,
        check_for_updates=False,  # else it asks PyPI
        reddit_url=BASE,
        oauth_url=BASE,
        short_url=BASE,
        requestor_kwargs={"session": session},
        **settings,
    )


def by_password():
    return client(username="repartee_bot", password="fake-password")


def right(what, is_right, seen=None):
    if not is_right:
        sys.exit(f"WRONG: {what}: {seen!r}")
    print(f"right: {what}")


def raises(kind, what, call):
    try:
        got = call()
    except kind as error:
        print(f"right: {what}")
        return error
    except Exception as error:  # noqa: BLE001
        sys.exit(f"WRONG: {what}: {type(error).__name__} {error}")
    sys.exit(f"WRONG: {what}: no exception but {got!r}")


def new_post(title="A quiet thread"):
    """A post with a comment, where nobody has answered."""
    post = control("post", {"subreddit": "Quiet", "title": title, "body": "Text"})[1]["name"]
    comment = control("comment", {"parent": post, "body": "Who can help?"})[1]["name"]
    return post[3:], comment[3:]


reddit = by_password()

# --- the limit's headers, as prawcore reads them
right("me", reddit.user.me().name == "repartee_bot")
limits = reddit.auth.limits
right("prawcore reads the limit's headers", (limits["remaining"], limits["used"]) == (999, 1), limits)
# it spreads its calls over the window by them, which would take minutes: it sees no more of them
control("knobs", {"limit_headers": False})

# --- logging in
right("a login by password", reddit.user.me().name == "repartee_bot")
right("the scopes of a login by password", reddit.auth.scopes() == {"*"}, reddit.auth.scopes())
bad = client(username="repartee_bot", password="wrong")
raises(prawcore.OAuthException, "a wrong password", bad.user.me)
raises(prawcore.ResponseException, "a wrong secret", client(client_secret="x", username="repartee_bot", password="fake-password").user.me)
reader = client()
right("an app without an account reads", reader.read_only and list(reader.subreddit("SampleBikes").rising(limit=3)) != [])
installed = client(client_id="fake-installed", client_secret=None)
right("an installed app without an account reads", list(installed.subreddit("SampleBikes").rising(limit=3)) != [])

# --- through the browser
control("knobs", {"authorize": "allow"})
web = client(client_id="fake-web", redirect_uri="http://127.0.0.1:8920/callback")
address = web.auth.url(scopes=SCOPES, state="the state", duration="permanent")
answer = requests.Session()
answer.trust_env = False
back = answer.get(address, headers={"User-Agent": "Mozilla/5.0"}, allow_redirects=False)
query = parse_qs(urlparse(back.headers["location"]).query)
right("the browser brings the state back", back.status_code == 302 and query["state"] == ["the state"])
refresh = web.auth.authorize(query["code"][0])
right("a code becomes a refresh token", bool(refresh) and web.user.me().name == "repartee_bot")
right("with the scopes asked for", web.auth.scopes() == set(SCOPES), web.auth.scopes())
raises(prawcore.OAuthException, "a code is good once", lambda: web.auth.authorize(query["code"][0]))
later = client(client_id="fake-web", refresh_token=refresh)
right("a refresh token logs in", later.user.me().name == "repartee_bot")
later._authorized_core.authorizer.revoke()
dead = client(client_id="fake-web", refresh_token=refresh)
raises(prawcore.ResponseException, "a revoked refresh token is dead", dead.user.me)
control("knobs", {"authorize": "page"})

# --- reading
subreddits = [name for name in control("state")[1]["subreddits"] if name != "Quiet"]
rising = list(reddit.subreddit("+".join(subreddits)).rising(limit=100))
right("rising posts", len(rising) == 30 and all(p.title and p.score > 1 for p in rising), len(rising))
pages = list(reddit.subreddit("+".join(subreddits)).rising(limit=None, params={"limit": 7}))
right("rising posts, page by page", [p.id for p in pages] == [p.id for p in rising])
about = reddit.subreddit("SampleBikes")
right("about a subreddit", about.user_is_banned is False and about.subreddit_type == "public")
right("rules of a subreddit", [rule.short_name for rule in about.rules][0] == "Be kind")

made = control("thread", {"subreddit": "Long", "comments": 1500, "missing": 0.03, "seed": 7})[1]
long = reddit.submission(made["name"][3:])
left = long.comments.replace_more(limit=None)
names = {comment.fullname for comment in long.comments.list()}
right("a tree of 1,500 comments is whole but for what is missing", left == [] and len(names) == 1500 - len(made["missing"]) and not names & set(made["missing"]), (left, len(names)))
right("comments know their parents", all(c.parent().fullname == c.parent_id for c in long.comments.list()[:200]))

post, comment = new_post()
for n in range(12):
    control("comment", {"parent": f"t1_{comment}" if n == 0 else last, "body": f"reply {n}"})
    last = f"t1_{comment}"
one = reddit.comment(comment).refresh()
right("a refreshed comment has its replies", len(one.replies) == 12, len(one.replies))
info = list(reddit.info(fullnames=[f"t1_{comment}", f"t3_{post}", "t1_zzzzzz"]))
right("things by name, unknown ones left out", [thing.fullname for thing in info] == [f"t1_{comment}", f"t3_{post}"])

# --- writing
post, comment = new_post()
reply = reddit.comment(comment).reply("An **answer** & more <3")
right("a reply to a comment", reply.body == "An **answer** & more <3" and reply.parent_id == f"t1_{comment}", reply.body)
right("a reply to a post", reddit.submission(post).reply("Another.").parent_id == f"t3_{post}")
mine = [c.id for c in reddit.redditor("repartee_bot").comments.new(limit=10)]
right("own comments, the newest first", mine[1] == reply.id, mine)
right("a reply is in the tree", reddit.comment(reply.id).refresh().author.name == "repartee_bot")
edited = reply.edit("Better.")
right("an edit", edited.body == "Better." and edited.edited is not False, edited.edited)
reply.delete()
gone = next(iter(reddit.info(fullnames=[reply.fullname])))
right("a deletion", gone.author is None and gone.body == "[deleted]", gone.body)
raises(ClientException, "a deleted comment is in no tree", reddit.comment(reply.id).refresh)

# --- errors of Reddit
for change, code, field in [
    ({"locked": True}, "THREAD_LOCKED", "parent"),
    ({"archived": True}, "TOO_OLD", "parent"),
]:
    post, comment = new_post()
    control("set", {"name": f"t3_{post}", **change})
    error = raises(RedditAPIException, f"{code} is an exception of the API", lambda: reddit.comment(comment).reply("x"))
    right(f"its code is {code}", (error.items[0].error_type, error.items[0].field) == (code, field), error.items)
post, comment = new_post()
control("set", {"name": f"t1_{comment}", "deleted": True})
error = raises(RedditAPIException, "a deleted parent", lambda: reddit.comment(comment).reply("x"))
right("its code is DELETED_COMMENT", error.items[0].error_type == "DELETED_COMMENT")
post, comment = new_post()
error = raises(RedditAPIException, "an empty text", lambda: reddit.comment(comment).reply("  "))
right("its code is NO_TEXT", (error.items[0].error_type, error.items[0].message) == ("NO_TEXT", "we need something here"))
error = raises(RedditAPIException, "a text that is too long", lambda: reddit.comment(comment).reply("x" * 10001))
right("its code is TOO_LONG", error.items[0].error_type == "TOO_LONG")
for code in ["USER_BLOCKED", "COMMENTER_BLOCKED_POSTER", "SUBREDDIT_RATELIMIT", "SUBREDDIT_NOTALLOWED", "BRAND_NEW"]:
    fail("comment", "error", code=code, text="words", field=None)
    error = raises(RedditAPIException, f"{code} is an exception of the API", lambda: reddit.comment(comment).reply("x"))
    right(f"its code is {code}", error.items[0].error_type == code, error.items)
fail("comment", "bad-request", code="TOO_LONG", text="this is too long", field="text")
error = raises(RedditAPIException, "status 400 with a reason", lambda: reddit.comment(comment).reply("x"))
right("its code is TOO_LONG, too", error.items[0].error_type == "TOO_LONG", error.items)

fail("comment", "no-things")
right("no things: the reply is None", reddit.comment(comment).reply("x") is None)
post, comment = new_post()
fail("comment", "rate-limit", seconds=1.0, language="english", number=False)
began = time.monotonic()
right("a rate limit of a second is waited out", reddit.comment(comment).reply("x") is not None and time.monotonic() - began > 1.9)
fail("comment", "rate-limit", seconds=540.0, language="english", number=True)
error = raises(RedditAPIException, "a rate limit of minutes is told", lambda: reddit.comment(comment).reply("x"))
right("its code is RATELIMIT", error.items[0].error_type == "RATELIMIT" and "9 minutes" in error.items[0].message)

# --- errors of HTTP
post, comment = new_post()
for kind, more, exception in [
    ("forbidden", {"reason": None}, prawcore.Forbidden),
    ("scope", {}, prawcore.InsufficientScope),
    ("too-many-html", {"retry_after_s": 7}, prawcore.TooManyRequests),
    ("too-many-json", {"retry_after_s": None}, prawcore.TooManyRequests),
    ("redirect", {}, prawcore.Redirect),
    ("status-before", {"status": 404}, prawcore.NotFound),
    ("status-before", {"status": 413}, prawcore.TooLarge),
    ("status-before", {"status": 451}, prawcore.UnavailableForLegalReasons),
    ("not-json", {}, prawcore.BadJSON),
]:
    fail("comments", kind, **more)
    raises(exception, f"{kind} {more}: {exception.__name__}", lambda: reddit.comment(comment).refresh())
    heal()
control("subreddit", {"name": "Quiet", "ban": "repartee_bot"})
raises(prawcore.Forbidden, "banned: Forbidden", lambda: reddit.comment(comment).reply("x"))
control("subreddit", {"name": "Quiet", "unban": "repartee_bot"})
raises(prawcore.Redirect, "an unknown subreddit: Redirect", lambda: reddit.subreddit("NoSuchPlace").user_is_banned)
fail("me", "unauthorized")
right("401 once: PRAW gets a token and goes on", by_password().user.me().name == "repartee_bot")
control("tokens", {"kill": True})
right("dead tokens are renewed", reddit.user.me() is not None and reddit.comment(comment).refresh() is not None)
fail("info", "status-before", times=2, status=503)
right("two failures of the server are waited out", len(list(reddit.info(fullnames=[f"t1_{comment}"]))) == 1)

# --- why PRAW's way of sending is not ours: it repeats whatever fails, comments too
status, check = control("check")
right("no twins so far", status == 200, check)
post, comment = new_post("Where PRAW answers twice")
fail("comment", "drop-after")
reply = by_password().comment(comment).reply("Once?")
status, check = control("check")
right("after a lost answer PRAW has answered twice, and the fake has counted it", status == 409 and len(check["duplicates"][0]["names"]) == 2, check)
print("PRAW", praw.__version__, "is content")
