"""The POS service of FBR (also called IMS), as this fake plays its cloud.

Its rules are of this fake's own reading: FBR's specification names the fields and their widths, but
no list of its refusals. Where integrators disagree it takes the stricter side.
Source: FBR, "Technical Specification for Data Sharing through Software Fiscal Component", and what
integrators saw of the cloud in 2026.
"""
