"""Event streams read as slowly as the standard is written: its steps in its order and its words, and nothing else.

From the HTML standard, "Parsing an event stream" and "Interpreting an event stream", and the Encoding standard,
"UTF-8 decode" and "UTF-8 decoder". Shares no code with the package.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class EventSource:
    """What the standard keeps for one stream; events are (type, data, last event id)."""

    events: list[tuple[str, str, str]] = field(default_factory=list)
    last_event_id: str = ""
    reconnection_time: int | None = None
    data_buffer: str = ""
    event_type_buffer: str = ""
    last_event_id_buffer: str = ""


def read(body: bytes) -> EventSource:
    """Streams must be decoded using the UTF-8 decode algorithm; then the lines are processed one by one."""
    source = EventSource()
    for line in lines(utf8_decode(body)):
        process(line, source)
    return source  # once the end of the file is reached, any pending data must be discarded


def utf8_decode(body: bytes) -> str:
    """UTF-8 decode: a byte order mark at the start goes."""
    return utf8_decoder(body[3:] if body[:3] == b"\xef\xbb\xbf" else body)


def utf8_decoder(body: bytes) -> str:  # noqa: C901 - in one piece, as it is in the standard
    """The decoder's handler, with error mode "replacement"."""
    output = []
    code_point = bytes_seen = bytes_needed = 0
    lower_boundary, upper_boundary = 0x80, 0xBF
    position = 0
    while True:
        byte = body[position] if position < len(body) else None
        position += 1
        if byte is None:
            if bytes_needed != 0:
                output.append("\ufffd")
            return "".join(output)
        if bytes_needed == 0:
            if byte <= 0x7F:
                output.append(chr(byte))
            elif 0xC2 <= byte <= 0xDF:
                bytes_needed = 1
                code_point = byte & 0x1F
            elif 0xE0 <= byte <= 0xEF:
                if byte == 0xE0:
                    lower_boundary = 0xA0
                if byte == 0xED:
                    upper_boundary = 0x9F
                bytes_needed = 2
                code_point = byte & 0xF
            elif 0xF0 <= byte <= 0xF4:
                if byte == 0xF0:
                    lower_boundary = 0x90
                if byte == 0xF4:
                    upper_boundary = 0x8F
                bytes_needed = 3
                code_point = byte & 0x7
            else:
                output.append("\ufffd")
            continue
        if not lower_boundary <= byte <= upper_boundary:
            code_point = bytes_needed = bytes_seen = 0
            lower_boundary, upper_boundary = 0x80, 0xBF
            position -= 1  # restore byte to the stream
            output.append("\ufffd")
            continue
        lower_boundary, upper_boundary = 0x80, 0xBF
        code_point = (code_point << 6) | (byte & 0x3F)
        bytes_seen += 1
        if bytes_seen != bytes_needed:
            continue
        output.append(chr(code_point))
        code_point = bytes_needed = bytes_seen = 0


def lines(stream: str) -> list[str]:
    """Lines are separated by CR LF pairs, single LF, or single CR; one without its end is pending data."""
    found = []
    line = ""
    position = 0
    while position < len(stream):
        character = stream[position]
        position += 1
        if character == "\r":
            if position < len(stream) and stream[position] == "\n":
                position += 1
            found.append(line)
            line = ""
        elif character == "\n":
            found.append(line)
            line = ""
        else:
            line += character
    return found


def process(line: str, source: EventSource) -> None:
    if line == "":
        dispatch(source)
    elif line[0] == ":":
        pass
    elif ":" in line:
        colon = line.index(":")
        name = line[:colon]
        value = line[colon + 1 :]
        if value[:1] == " ":
            value = value[1:]
        process_field(name, value, source)
    else:
        process_field(line, "", source)


def process_field(name: str, value: str, source: EventSource) -> None:
    if name == "event":
        source.event_type_buffer = value
    elif name == "data":
        source.data_buffer += value
        source.data_buffer += "\n"
    elif name == "id":
        if "\0" not in value:
            source.last_event_id_buffer = value
    elif name == "retry" and value and all(character in "0123456789" for character in value):
        source.reconnection_time = 0
        for digit in value:  # an integer in base ten, of any length
            source.reconnection_time = source.reconnection_time * 10 + int(digit)


def dispatch(source: EventSource) -> None:
    source.last_event_id = source.last_event_id_buffer
    if source.data_buffer == "":
        source.event_type_buffer = ""
        return
    if source.data_buffer[-1] == "\n":
        source.data_buffer = source.data_buffer[:-1]
    event_type = "message"
    if source.event_type_buffer != "":
        event_type = source.event_type_buffer
    source.events.append((event_type, source.data_buffer, source.last_event_id))
    source.data_buffer = ""
    source.event_type_buffer = ""
