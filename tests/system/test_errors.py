"""
An unforeseen error closes the socket where it happens. Its message stays in the log, and the room lives on.
"""

import pytest

SECRET = "invalid literal for int() with base 10: 'seven'"
PARSES = "        message = parse_message(text_data)\n"
SENDS = '        await self.send(make_frame(event["message"]))\n'
BROKEN = {
    "receive": (PARSES, PARSES + '        int("seven" if message == "seven" else "7")\n'),
    # for the sender alone, since the others have sent no frame yet
    "chat_msg": (SENDS, '        int("seven" if event["message"] == "seven" and self.frames else "7")\n' + SENDS),
}


@pytest.mark.parametrize("change", BROKEN.values(), ids=BROKEN)
def test_an_unforeseen_error_closes_one_socket_and_its_message_reaches_no_client(watch, change):
    server = watch(("chat/consumers.py", *change))
    alice, bob = server.join("lobby"), server.join("lobby")
    alice.say("")
    told = alice.hear()
    assert "blank" in told["error"] and told["frame"] == 1, "the sender is told what the chat refuses"
    alice.say("seven")
    assert alice.hear_the_rest() == [], "but not what it didn't foresee"
    assert alice.close_code == 1011
    server.until_left(members=1, mailboxes=1, consumers=1)
    assert server.log().count("Traceback") == 1
    assert f"ValueError: {SECRET}" in server.log()
    bob.say("hello")
    heard = bob.hear_messages(1 if change is BROKEN["receive"] else 2)
    assert heard == ["seven", "hello"][-len(heard) :]
    carol = server.join("lobby")
    carol.say("hello too")
    assert carol.hear() == bob.hear() == {"message": "hello too"}


def test_an_unforeseen_error_while_joining_refuses_the_socket_without_its_message(watch):
    joins = "        self.room_group_name = group_name(room_name)\n"
    server = watch(("chat/consumers.py", joins, joins + '        int("seven" if room_name == "seven" else "7")\n'))
    with pytest.raises(AssertionError) as answer:
        server.join("seven")
    assert "HTTP/1.1 500" in str(answer.value)
    assert SECRET not in str(answer.value)
    server.until_left()
    assert f"ValueError: {SECRET}" in server.log()
    alice = server.join("lobby")
    alice.say("hello")
    assert alice.hear() == {"message": "hello"}
