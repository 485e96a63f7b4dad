"""What Panel and Bokeh by themselves take from a browser without a limit, and the limits."""

import panel_material_ui as pmui

from snnlab_app import panel_limits


def test_a_file_input_by_itself_takes_more_than_its_limit():
    limit, chunk = 1000, 400

    def held(widget):
        for number in range(1, 6):
            widget._handle_msg({
                "status": "upload_event", "name": "a.zip", "mime_type": "", "data": bytes(chunk),
                "chunk": number, "total_chunks": 9,
            })  # fmt: skip
        files = widget._file_buffer.values()
        return sum(len(part) for file in files for part in file["chunks"].values())

    plain, limited = (pmui.FileInput(max_file_size=limit, chunk_size=chunk) for _ in range(2))
    panel_limits.limit_upload(limited, limit, chunk, lambda reason: None)
    assert held(plain) == 5 * chunk > limit
    assert held(limited) <= limit
