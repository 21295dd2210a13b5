//! Answers in the shapes that GitHub and GitLab publish as examples ("REST API endpoints for issues", "Issues API", "Notes API"): the fields that are
//! read, and enough of those around them that a reader which takes the wrong ones is found out.

use serde_json::{Value, json};

use super::{Answer, Kept, Kind};

/// One issue.
pub(super) fn issue(kind: Kind, it: &Kept) -> Value {
    match kind {
        Kind::Github => github(it),
        Kind::Gitlab => gitlab(it),
    }
}

fn github(it: &Kept) -> Value {
    let number = it.number;
    let api = format!("https://api.github.com/repos/octocat/Hello-World/issues/{number}");
    let page = format!("https://github.com/octocat/Hello-World/issues/{number}");
    let labels: Vec<Value> = it
        .labels
        .iter()
        .map(|name| {
            json!({
                "id": 208045946, "node_id": "MDU6TGFiZWwyMDgwNDU5NDY=", "name": name, "color": "f29513", "default": true,
                "description": "Something isn't working",
                "url": format!("https://api.github.com/repos/octocat/Hello-World/labels/{name}"),
            })
        })
        .collect();
    let mut shown = json!({
        "id": 1000 + number, "node_id": "MDU6SXNzdWUx", "url": api, "html_url": page, "comments_url": format!("{api}/comments"),
        "repository_url": "https://api.github.com/repos/octocat/Hello-World",
        "number": number, "title": it.title, "body": it.body, "labels": labels,
        "state": if it.open { "open" } else { "closed" },
        "state_reason": if it.open { Value::Null } else { json!("completed") },
        "user": {"login": "octocat", "id": 1, "type": "User", "site_admin": false, "html_url": "https://github.com/octocat"},
        "assignee": null, "assignees": [], "milestone": null, "locked": false, "active_lock_reason": null,
        "comments": it.comments.len(), "closed_at": null, "author_association": "COLLABORATOR",
        "created_at": "2011-04-22T13:33:48Z", "updated_at": "2011-04-22T13:33:48Z",
    });
    if it.pull_request {
        shown["pull_request"] = json!({
            "url": "https://api.github.com/repos/octocat/Hello-World/pulls/1347",
            "html_url": "https://github.com/octocat/Hello-World/pull/1347",
        });
    }
    shown
}

fn gitlab(it: &Kept) -> Value {
    json!({
        "id": 7000 + it.number, "iid": it.number, "project_id": 4, "title": it.title, "description": it.body, "labels": it.labels,
        "state": if it.open { "opened" } else { "closed" },
        "author": {"id": 18, "name": "Alexandra Bashirian", "username": "eileen.lowe", "state": "active", "avatar_url": null,
            "web_url": "https://gitlab.example.com/eileen.lowe"},
        "milestone": null, "assignees": [], "assignee": null, "closed_at": null, "closed_by": null, "moved_to_id": null,
        "created_at": "2016-01-04T15:31:46.176Z", "updated_at": "2016-01-04T15:31:46.176Z",
        "upvotes": 0, "downvotes": 0, "user_notes_count": it.comments.len(), "confidential": false, "discussion_locked": false,
        "web_url": format!("http://gitlab.example.com/my-group/my-project/issues/{}", it.number),
        "references": {"short": format!("#{}", it.number), "full": format!("my-group/my-project#{}", it.number)},
        "_links": {"self": format!("http://gitlab.example.com/api/v4/projects/4/issues/{}", it.number)},
    })
}

/// One comment.
pub(super) fn comment(kind: Kind, text: &str) -> Value {
    match kind {
        Kind::Github => json!({
            "id": 1, "node_id": "MDEyOklzc3VlQ29tbWVudDE=", "body": text, "author_association": "COLLABORATOR",
            "html_url": "https://github.com/octocat/Hello-World/issues/1347#issuecomment-1",
            "user": {"login": "octocat", "id": 1}, "created_at": "2011-04-14T16:00:49Z", "updated_at": "2011-04-14T16:00:49Z",
        }),
        Kind::Gitlab => json!({
            "id": 302, "body": text, "attachment": null, "system": false, "noteable_type": "Issue", "noteable_iid": 1,
            "author": {"id": 1, "username": "pipin"}, "created_at": "2013-10-02T09:22:45Z", "confidential": false,
        }),
    }
}

/// The token is none.
pub(super) fn refused(kind: Kind) -> Answer {
    let said = match kind {
        Kind::Github => {
            json!({"message": "Bad credentials", "documentation_url": "https://docs.github.com/rest", "status": "401"})
        }
        Kind::Gitlab => json!({"message": "401 Unauthorized"}),
    };
    (401, Vec::new(), said.to_string())
}

/// There is no such thing, or not for this token.
pub(super) fn not_found(kind: Kind) -> Answer {
    let said = match kind {
        Kind::Github => {
            json!({"message": "Not Found", "documentation_url": "https://docs.github.com/rest", "status": "404"})
        }
        Kind::Gitlab => json!({"message": "404 Project Not Found"}),
    };
    (404, Vec::new(), said.to_string())
}
